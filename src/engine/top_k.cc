#include "engine/top_k.h"

#include <algorithm>
#include <limits>

namespace ix::engine {
namespace {

constexpr float kLargest = std::numeric_limits<float>::max();
constexpr float kForbidden = -std::numeric_limits<float>::infinity();

constexpr size_t kRun = 128;  // logits that are compared together

// Without a branch on any of them, so that compilers make it vectors.
bool any_above(std::span<const float> run, float least) {
  int32_t above = 0;
  for (const float logit : run) above |= static_cast<int32_t>(logit > least);
  return above != 0;
}

}  // namespace

void select_top_k(std::span<const float> logits, int64_t k, std::vector<Candidate>& out) {
  out.clear();
  if (k <= 0) return;
  out.reserve(std::min(static_cast<size_t>(k), logits.size()));
  // A heap whose front is the worst of the best so far: most runs of logits have none above it.
  for (size_t begin = 0; begin < logits.size(); begin += kRun) {
    const auto run = logits.subspan(begin, std::min(kRun, logits.size() - begin));
    const bool full = static_cast<int64_t>(out.size()) == k;
    if (full && !any_above(run, out.front().logit)) continue;
    for (size_t i = 0; i < run.size(); ++i) {
      if (!(run[i] > kForbidden)) continue;
      const Candidate candidate{static_cast<TokenId>(begin + i), std::min(run[i], kLargest)};
      if (static_cast<int64_t>(out.size()) < k) {
        out.push_back(candidate);
        std::push_heap(out.begin(), out.end(), better);
      } else if (better(candidate, out.front())) {
        std::pop_heap(out.begin(), out.end(), better);
        out.back() = candidate;
        std::push_heap(out.begin(), out.end(), better);
      }
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
