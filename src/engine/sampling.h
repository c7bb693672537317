// What a request asks of the sampler, and the sampler: logits in, token out.
//
// Order as in llama.cpp: logit bias, penalties, top-k, typical, top-p, min-p, temperature, draw.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/types.h"

namespace ix::engine {

// Defaults are llama.cpp's.
struct SamplingOptions {
  float temperature = 0.8F;  // 0 = greedy
  int32_t top_k = 40;        // 0 = off
  float typical_p = 1.0F;    // 1 = off
  float top_p = 0.95F;       // 1 = off
  float min_p = 0.05F;       // 0 = off
  float repeat_penalty = 1.0F;
  float frequency_penalty = 0.0F;
  float presence_penalty = 0.0F;
  int32_t penalty_last_n = 64;  // tokens that penalties look back on; -1 = all, 0 = off
  uint64_t seed = 0;
  std::vector<std::pair<TokenId, float>> logit_bias;  // added to logits; -inf forbids
};

// invalid_argument names the field and what is allowed; NaN and infinities are refused.
Status validate(const SamplingOptions& options, int64_t vocab_size);

// True when the best token and log-probabilities of the raw logits are all that is needed, so that
// a backend may answer with argmax or top-k instead of full logits.
bool needs_only_argmax(const SamplingOptions& options);

class Sampler {
 public:
  explicit Sampler(const SamplingOptions& options);

  // The token for `position` (of the sequence, prompt counted). logits: [vocab]. history: the
  // sequence so far. The draw depends on (seed, position) and the logits alone, so it is the same
  // whatever else runs.
  TokenId sample(std::span<const float> logits, std::span<const TokenId> history,
                 Position position);

 private:
  struct Candidate {
    TokenId token;
    float logit;
  };
  SamplingOptions options_;
  std::vector<Candidate> candidates_;  // scratch
  std::vector<float> probabilities_;   // scratch
};

}  // namespace ix::engine
