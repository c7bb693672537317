#include "engine/top_k.h"

#include <algorithm>
#include <limits>

namespace ix::engine {
namespace {

constexpr float kLargest = std::numeric_limits<float>::max();
constexpr float kForbidden = -std::numeric_limits<float>::infinity();

}  // namespace

void select_top_k(std::span<const float> logits, int64_t k, std::vector<Candidate>& out) {
  out.clear();
  if (k <= 0) return;
  out.reserve(std::min(static_cast<size_t>(k), logits.size()));
  // A heap whose front is the worst of the best so far: most logits fail the first comparison.
  for (size_t i = 0; i < logits.size(); ++i) {
    if (!(logits[i] > kForbidden)) continue;
    const Candidate candidate{static_cast<TokenId>(i), std::min(logits[i], kLargest)};
    if (static_cast<int64_t>(out.size()) < k) {
      out.push_back(candidate);
      std::push_heap(out.begin(), out.end(), better);
    } else if (better(candidate, out.front())) {
      std::pop_heap(out.begin(), out.end(), better);
      out.back() = candidate;
      std::push_heap(out.begin(), out.end(), better);
    }
  }
  std::sort_heap(out.begin(), out.end(), better);
}

void select_all(std::span<const float> logits, std::vector<Candidate>& out) {
  out.clear();
  out.reserve(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    if (!(logits[i] > kForbidden)) continue;
    out.push_back({static_cast<TokenId>(i), std::min(logits[i], kLargest)});
  }
}

}  // namespace ix::engine
