#include "engine/top_k.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <limits>

namespace ix::engine {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kLargest = std::numeric_limits<float>::max();

// What select_top_k() says it does, by a sort of all.
std::vector<Candidate> sorted(std::span<const float> logits, size_t k) {
  std::vector<Candidate> out;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] > -kInfinity) {
      out.push_back({static_cast<TokenId>(i), std::min(logits[i], kLargest)});
    }
  }
  std::sort(out.begin(), out.end(), better);
  out.resize(std::min(k, out.size()));
  return out;
}

bool same(std::span<const Candidate> a, std::span<const Candidate> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.token == y.token && x.logit == y.logit;
  });
}

// Few different values, so that there are many ties, and what is no number among them; longer than
// the runs that are compared together.
TEST(SelectTopK, IsTheHeadOfASort) {
  const bool holds = rc::check([] {
    const auto size = *rc::gen::inRange<size_t>(1, 700);
    const auto small = *rc::gen::container<std::vector<int>>(size, rc::gen::inRange(-6, 7));
    std::vector<float> logits(small.begin(), small.end());
    for (float& logit : logits) {
      if (logit == 6) logit = kInfinity;
      if (logit == -6) logit = -kInfinity;
      if (logit == -5) logit = std::numeric_limits<float>::quiet_NaN();
    }
    const auto k = *rc::gen::inRange<size_t>(1, size + 2);
    std::vector<Candidate> top;
    select_top_k(logits, static_cast<int64_t>(k), top);
    RC_ASSERT(same(top, sorted(logits, k)));
  });
  EXPECT_TRUE(holds);
}

TEST(SelectTopK, FindsWhatComesLate) {
  std::vector<float> logits(1000, 0.0F);
  logits[999] = 1;
  logits[500] = 2;
  std::vector<Candidate> top;
  select_top_k(logits, 3, top);
  EXPECT_TRUE(same(top, std::vector<Candidate>{{500, 2}, {999, 1}, {0, 0}}));
  select_top_k(logits, 0, top);
  EXPECT_TRUE(top.empty());
}

}  // namespace
}  // namespace ix::engine
