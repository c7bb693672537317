// The k best of a row of logits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/types.h"

namespace ix::engine {

struct Candidate {
  TokenId token;
  float logit;
};

// Best first; equal logits by smaller id. A strict order, so every sort of candidates gives the
// same result.
inline bool better(const Candidate& a, const Candidate& b) {
  return a.logit > b.logit || (a.logit == b.logit && a.token < b.token);
}

// Writes the k best of logits [vocab] to out, best first; fewer where fewer can be chosen. -inf and
// NaN cannot be chosen; +inf counts as the largest finite float.
void select_top_k(std::span<const float> logits, int64_t k, std::vector<Candidate>& out);

// Writes all that can be chosen to out, by id.
void select_all(std::span<const float> logits, std::vector<Candidate>& out);

}  // namespace ix::engine
