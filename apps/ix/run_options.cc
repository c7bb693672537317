#include "run_options.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <random>

#include "option_checks.h"

namespace ix::cli {
namespace {

constexpr int64_t kMaxInt = std::numeric_limits<int32_t>::max();

void add_input_flags(const Command& command, RunOptions& options) {
  command.option("-p,--prompt", options.prompt.text, "Prompt").group("Input");
  command
      .option("-f,--file", options.prompt.file,
              "File with the prompt, - for standard input; comes after the text of -p")
      .group("Input");
  command.option("--system-prompt", options.system_prompt, "System prompt (also -sys)")
      .group("Input");
  command
      .option("--chat-template-file", options.template_file,
              "Jinja chat template to use instead of the model's own")
      .group("Input");
  command
      .flag("--raw", options.raw,
            "Continue the prompt as it is, without chat template (also -no-cnv)")
      .group("Input");
  command.flag("--single-turn", options.single_turn, "Leave the chat after one answer (also -st)")
      .group("Input");
}

void add_sampling_flags(const Command& command, RunOptions& options) {
  engine::SamplingOptions& s = options.sampling;
  const auto real = [&](const char* names, const char* flag, float& value, double low, double high,
                        const char* allowed, const char* help) {
    command.option(names, value, help)
        .check(real_number(flag, low, high, allowed))
        .show_default()
        .group("Sampling");
  };
  command.option("-s,--seed", options.seed, "Seed; -1 = a random one (default)").group("Sampling");
  real("--temp,--temperature", "--temp", s.temperature, 0, kNoLimit, "0 (greedy) or more",
       "Temperature; 0 = always the best token");
  command.flag("--greedy", options.greedy, "Same as --temp 0").group("Sampling");
  command.option("--top-k", s.top_k, "Keep the K best tokens; 0 = all")
      .check(whole_number("--top-k", 0, kMaxInt, "0 (off) or more"))
      .show_default()
      .group("Sampling");
  real("--typical,--typical-p", "--typical", s.typical_p, 0, 1, "from 0 to 1 (off)",
       "Locally typical sampling; 1 = off");
  real("--top-p", "--top-p", s.top_p, 0, 1, "from 0 to 1 (off)",
       "Keep the best tokens up to this probability; 1 = off");
  real("--min-p", "--min-p", s.min_p, 0, 1, "from 0 (off) to 1",
       "Keep tokens at least this probable relative to the best; 0 = off");
  real("--repeat-penalty", "--repeat-penalty", s.repeat_penalty, 1e-30, kNoLimit,
       "more than 0 (1 = off)", "Penalty of tokens that occurred; 1 = off");
  real("--presence-penalty", "--presence-penalty", s.presence_penalty, -kNoLimit, kNoLimit,
       "a number (0 = off)", "Taken off the logit of tokens that occurred");
  real("--frequency-penalty", "--frequency-penalty", s.frequency_penalty, -kNoLimit, kNoLimit,
       "a number (0 = off)", "Taken off once for each time a token occurred");
  command
      .option("--repeat-last-n", s.penalty_last_n,
              "Tokens that penalties look back on; 0 = off, -1 = all")
      .check(whole_number("--repeat-last-n", -1, kMaxInt, "-1 (all) or more"))
      .show_default()
      .group("Sampling");
  command
      .option("-l,--logit-bias", options.logit_bias,
              "TOKEN+BIAS or TOKEN-BIAS, such as 9259+1.5 or 9259-inf; may be repeated")
      .repeatable()
      .group("Sampling");
}

void add_output_flags(const Command& command, RunOptions& options) {
  command.option("-n,--predict,--n-predict", options.max_tokens, "Most tokens; -1 = no limit")
      .check(
          whole_number("-n", -1, std::numeric_limits<int64_t>::max(), "-1 (no limit), 0 or more"))
      .show_default()
      .group("Output");
  command
      .option("-r,--stop,--reverse-prompt", options.stop,
              "Text that ends the answer; may be repeated")
      .repeatable()
      .group("Output");
  command.flag("--ignore-eos", options.ignore_end_tokens, "Do not let the model end its answer")
      .group("Output");
  command.flag("--json", options.json, "Print one JSON object").group("Output");
  command
      .option("--logprobs", options.logprobs,
              "With --json: log-probability of each token and of the N best")
      .check(whole_number("--logprobs", 0, 256, "from 0 to 256"))
      .group("Output");
}

void add_engine_flags(const Command& command, RunOptions& options) {
  SessionOptions& s = options.session;
  command.option("-m,--model", s.model, "Model, a GGUF file").group("Model");
  command
      .option("-c,--ctx-size", s.context,
              "Context in tokens; 0 = the smaller of the model's and 8192")
      .check(whole_number("-c", 0, 1 << 30, "0 (the model's) to 1073741824"))
      .show_default()
      .group("Model");
  command.option("-t,--threads", s.threads, "Threads; default: what the machine allows")
      .check(whole_number("-t", 1, 4096, "from 1 to 4096"))
      .group("Model");
  command.option("-b,--batch-size", s.max_rows, "Most tokens in one step")
      .check(whole_number("-b", 1, 65536, "from 1 to 65536"))
      .show_default()
      .group("Model");
  command
      .option("--device", s.device.device,
              "cpu; xla, a PJRT plugin that is installed; pjrt:PATH, that one; or neuron")
      .show_default()
      .group("Model");
  command
      .option("--tp", s.device.ranks,
              "Devices that share the model; default: one, of neuron every visible core")
      .check(whole_number("--tp", 1, 64, "from 1 to 64"))
      .group("Model");
  command
      .option("--weights", s.device.weights,
              "Form of weights on a device other than the CPU: bf16 (default), f16, int8 or q4")
      .group("Model");
  command
      .option("--layers-per-program", s.device.layers_per_program,
              "Layers of a program on a device other than the CPU; default: all")
      .check(whole_number("--layers-per-program", 0, 1000, "from 0 to 1000"))
      .group("Model");
  command.flag("--precise", s.precise, "Compute in float32 (slow; the reference backend)")
      .group("Model");
  command.option("--isa", s.isa, "Instruction set to use instead of the best one").group("Model");
  command
      .flag("--mlock", s.lock_memory,
            "Lock the weights in memory, so that they are never swapped out")
      .group("Model");
  command.flag("--no-pack", s.no_pack, "Do not repack weights (slow)").group("Model");
}

Result<float> parse_bias(std::string_view text) {
  const bool plus = !text.empty() && text.front() == '+';
  if (plus) text.remove_prefix(1);
  float value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size()) {
    return invalid_argument("not a number");
  }
  return value;
}

// TOKEN+BIAS, TOKEN-BIAS or TOKEN=BIAS.
Result<std::pair<TokenId, float>> parse_logit_bias(const std::string& text) {
  TokenId token = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, token);
  const auto offset = static_cast<size_t>(stop - text.data());
  const auto bias = [&] {
    std::string_view rest = std::string_view(text).substr(offset);
    if (!rest.empty() && rest.front() == '=') rest.remove_prefix(1);
    return parse_bias(rest);
  }();
  if (error != std::errc() || offset == 0 || !bias.ok()) {
    return invalid_argument(fmt::format(
        "--logit-bias is '{}', but must be TOKEN+BIAS, such as 9259+1.5 or 9259-inf", text));
  }
  return std::pair(token, *bias);
}

Status parse_seed(const std::string& text, uint64_t& seed) {
  if (text.empty() || text == "-1") {
    std::random_device device;
    seed = device();
    return ok_status();
  }
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error == std::errc() && stop == text.data() + text.size()) return ok_status();
  return invalid_argument(
      fmt::format("--seed is '{}', but must be -1 (a random one) or a whole number", text));
}

}  // namespace

void add_run_flags(const Command& command, RunOptions& options) {
  add_engine_flags(command, options);
  add_input_flags(command, options);
  add_output_flags(command, options);
  add_sampling_flags(command, options);
}

Status finish_sampling(RunOptions& options) {
  if (options.greedy) options.sampling.temperature = 0;
  IX_RETURN_IF_ERROR(parse_seed(options.seed, options.sampling.seed));
  for (const std::string& text : options.logit_bias) {
    IX_ASSIGN_OR_RETURN(auto bias, parse_logit_bias(text));
    options.sampling.logit_bias.push_back(bias);
  }
  if (options.logprobs >= 0 && !options.json) {
    return invalid_argument("--logprobs needs --json");
  }
  return ok_status();
}

engine::Request make_request(const RunOptions& options, const tokenizer::Tokenizer& tokenizer) {
  engine::Request request;
  request.max_tokens = options.max_tokens;
  request.sampling = options.sampling;
  request.stop = options.stop;
  request.logprobs = options.logprobs;
  request.ignore_end_tokens = options.ignore_end_tokens;
  if (options.ignore_end_tokens) {
    for (const TokenId token : tokenizer.end_tokens()) {
      request.sampling.logit_bias.emplace_back(token, -std::numeric_limits<float>::infinity());
    }
  }
  return request;
}

}  // namespace ix::cli
