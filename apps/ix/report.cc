#include "report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/host_limits.h"

namespace ix::cli {
namespace {

using Json = nlohmann::ordered_json;

Json logprobs(const Generation& generation, const tokenizer::Tokenizer& tokenizer) {
  Json out = Json::array();
  for (const engine::GeneratedToken& token : generation.tokens) {
    Json top = Json::array();
    for (const engine::TokenLogprob& best : token.top) {
      top.push_back({{"id", best.token},
                     {"token", tokenizer.token_bytes(best.token)},
                     {"logprob", best.logprob}});
    }
    out.push_back({{"id", token.token},
                   {"token", tokenizer.token_bytes(token.token)},
                   {"logprob", token.logprob},
                   {"top", std::move(top)}});
  }
  return out;
}

}  // namespace

std::string summary(const Measurements& measured, uint64_t seed) {
  return fmt::format(
      "prompt {} tokens, {:.1f} tokens/s; answer {} tokens, {:.1f} tokens/s; first token {:.0f} "
      "ms; peak memory {} MB; seed {}",
      measured.prompt_tokens, measured.prompt_tokens_per_second(), measured.answer_tokens,
      measured.tokens_per_second(), measured.ttft_ms(), peak_resident_bytes() / 1'000'000, seed);
}

std::string to_json(const Generation& generation, const tokenizer::Tokenizer& tokenizer,
                    double load_ms, bool with_logprobs) {
  Json tokens = Json::array();
  for (const engine::GeneratedToken& token : generation.tokens) tokens.push_back(token.token);
  Json out;
  out["text"] = generation.text;
  out["prompt_tokens"] = generation.measured.prompt_tokens;
  out["tokens"] = std::move(tokens);
  if (with_logprobs) out["logprobs"] = logprobs(generation, tokenizer);
  out["finish_reason"] = std::string(engine::to_string(generation.finish));
  out["timings"] = {{"load_ms", load_ms},
                    {"prompt_tokens_per_second", generation.measured.prompt_tokens_per_second()},
                    {"tokens_per_second", generation.measured.tokens_per_second()},
                    {"ttft_ms", generation.measured.ttft_ms()}};
  out["peak_rss_bytes"] = peak_resident_bytes();
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace ix::cli
