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
#include "engine/top_k.h"

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

// invalid_argument names the field and what is allowed; NaN and infinities are refused, but for a
// bias of -inf.
Status validate(const SamplingOptions& options, int64_t vocab_size);

// True when the best token and log-probabilities of the raw logits are all that is needed, so that
// a backend may answer with argmax or top-k instead of full logits.
bool needs_only_argmax(const SamplingOptions& options);

class Sampler {
 public:
  explicit Sampler(const SamplingOptions& options);

  // Takes the memory for a history of `tokens` tokens. What the vocabulary's size asks for is taken
  // at the first sample; later ones allocate nothing.
  void reserve(int64_t tokens);

  // The token for `position` (of the sequence, prompt counted). logits: [vocab]. history: the
  // sequence so far. The draw depends on (seed, position), the logits and the history alone, so it
  // is the same whatever else runs. kNoToken when nothing can be chosen: every logit is -inf or
  // NaN.
  TokenId sample(std::span<const float> logits, std::span<const TokenId> history,
                 Position position);

 private:
  // A token on its way through keep_typical().
  struct Scored {
    double deviation;
    double probability;
    Candidate candidate;
  };

  std::span<const float> adjust(std::span<const float> logits, std::span<const TokenId> history);
  void penalize(std::span<const TokenId> history);
  void keep_typical();
  void keep_top_p();
  void keep_min_p();
  TokenId draw(Position position);
  float best_logit() const;
  double fill_weights(double temperature);

  SamplingOptions options_;
  bool sorted_ = false;                // candidates_ are best first
  std::vector<Candidate> candidates_;  // those that are left
  std::vector<double> weights_;        // of candidates_, not normalised
  std::vector<float> adjusted_;        // [vocab]: logits with bias and penalties
  std::vector<Scored> scored_;         // scratch
  std::vector<TokenId> recent_;        // the part of the history that penalties look at
};

}  // namespace ix::engine
