#include "backend/row_results.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace ix::backend {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<TokenId> ids_of(std::span<const TokenLogit> top) {
  std::vector<TokenId> ids;
  for (const TokenLogit& entry : top) ids.push_back(entry.token);
  return ids;
}

TEST(Argmax, IsTheSmallestIdAmongEquals) {
  EXPECT_EQ(argmax(std::vector<float>{1, 3, 2, 3}), 1);
  EXPECT_EQ(argmax(std::vector<float>{-5}), 0);
  EXPECT_EQ(argmax(std::vector<float>{-0.0F, 0.0F}), 0);
  EXPECT_EQ(argmax(std::vector<float>{-kInfinity, -3}), 1);
  EXPECT_EQ(argmax(std::vector<float>{-kInfinity, -kInfinity}), 0);
}

TEST(Argmax, PassesOverNan) { EXPECT_EQ(argmax(std::vector<float>{kNan, -7, kNan, -6}), 3); }

// Longer than what is compared together: few different values, and NaN at every third place or all.
TEST(Argmax, OfALargeVocabularyIsTheFirstOfTheLargest) {
  const bool holds = rc::check([] {
    const auto size = *rc::gen::inRange<size_t>(200, 1500);
    const auto small = *rc::gen::container<std::vector<int>>(size, rc::gen::inRange(-3, 4));
    std::vector<float> logits(small.begin(), small.end());
    if (*rc::gen::arbitrary<bool>()) std::fill_n(logits.begin(), size / 2, -kInfinity);
    const auto first = std::max_element(logits.begin(), logits.end());
    RC_ASSERT(argmax(logits) == first - logits.begin());
    const size_t phase = *rc::gen::inRange<size_t>(0, 3);
    for (size_t i = phase; i < size; i += 3) logits[i] = kNan;
    size_t best = 0;
    float largest = -kInfinity;
    for (size_t i = 0; i < size; ++i) {
      if (logits[i] > largest) {
        best = i;
        largest = logits[i];
      }
    }
    RC_ASSERT(argmax(logits) == static_cast<TokenId>(best));
  });
  EXPECT_TRUE(holds);
  EXPECT_EQ(argmax(std::vector<float>(1000, kNan)), 0);
  EXPECT_EQ(argmax(std::vector<float>{kNan, -kInfinity}), 0);
}

TEST(Logsumexp, IsRightByHand) {
  EXPECT_FLOAT_EQ(logsumexp(std::vector<float>{0, 0, 0, 0}), std::log(4.0F));
  EXPECT_FLOAT_EQ(logsumexp(std::vector<float>{5}), 5.0F);
  EXPECT_FLOAT_EQ(logsumexp(std::vector<float>{1000, 1000 - std::log(2.0F)}),
                  1000.0F + std::log(1.5F));
  EXPECT_FLOAT_EQ(logsumexp(std::vector<float>{-3e38F, 0.5F, kNan}), 0.5F);
  EXPECT_EQ(logsumexp(std::vector<float>{-kInfinity, -kInfinity}), -kInfinity);
  EXPECT_EQ(logsumexp(std::vector<float>{kInfinity, 0}), kInfinity);
}

TEST(Logsumexp, OfALargeVocabularyKeepsItsPrecision) {
  // 2^18 equal logits: ln(2^18 e^-20).
  const std::vector<float> logits(size_t{1} << 18, -20.0F);
  EXPECT_NEAR(logsumexp(logits), 18 * std::log(2.0) - 20, 1e-6);
}

TEST(SelectTop, OrdersByLogitAndThenById) {
  const std::vector<float> logits = {1, 5, 2, 5, kNan, 3};
  std::vector<TokenLogit> top(6);
  select_top(logits, top);
  EXPECT_EQ(ids_of(top), (std::vector<TokenId>{1, 3, 5, 2, 0, 4}));
  top.resize(1);
  select_top(logits, top);
  EXPECT_EQ(ids_of(top), (std::vector<TokenId>{1}));
  EXPECT_EQ(top[0].logit, 5.0F);
}

TEST(SelectTop, IsTheHeadOfAStableSort) {
  const bool holds = rc::check([] {
    // Few different values, so that there are many ties.
    const auto small =
        *rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(rc::gen::inRange(-4, 5)));
    const std::vector<float> logits(small.begin(), small.end());
    const auto k = *rc::gen::inRange<size_t>(1, logits.size() + 1);
    std::vector<TokenId> order(logits.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](TokenId a, TokenId b) {
      return logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)];
    });
    order.resize(k);
    std::vector<TokenLogit> top(k);
    select_top(logits, top);
    RC_ASSERT(ids_of(top) == order);
    RC_ASSERT(argmax(logits) == order[0]);
  });
  EXPECT_TRUE(holds);
}

TEST(RowResults, HoldsWhatEachRowWanted) {
  const std::vector<RowWant> wants = {
      {Want::top_k, 2}, {Want::nothing}, {Want::logits}, {Want::argmax}, {Want::top_k, 100}};
  RowResults results;
  for (int round = 0; round < 2; ++round) {
    results.begin(wants, 3);
    ASSERT_EQ(results.count(), 4);
    EXPECT_EQ(std::vector<int32_t>(results.rows().begin(), results.rows().end()),
              (std::vector<int32_t>{0, 2, 3, 4}));
    const std::vector<float> logits = {0, 2, 1};
    for (const int32_t i : {3, 1, 0, 2}) results.set(i, logits);
    const auto rows = results.output().rows;
    ASSERT_EQ(rows.size(), 4U);
    EXPECT_EQ(ids_of(rows[0].top), (std::vector<TokenId>{1, 2}));
    EXPECT_EQ(ids_of(rows[3].top), (std::vector<TokenId>{1, 2, 0}));  // all of the vocabulary
    EXPECT_EQ(rows[1].logits.data(), logits.data());
    EXPECT_TRUE(rows[0].logits.empty() && rows[1].top.empty() && rows[2].top.empty());
    // ln(1 + e^2 + e)
    for (const size_t i : {0, 1, 3}) EXPECT_FLOAT_EQ(rows[i].logsumexp, 2.4076059644F);
    for (const RowResult& row : rows) EXPECT_EQ(row.argmax, 1);
    EXPECT_EQ(rows[3].row, 4);
  }
}

TEST(RowResults, LeavesOutTheLogsumexpThatALogitsRowDoesNotWant) {
  const std::vector<RowWant> wants = {{.kind = Want::logits, .logsumexp = false}, {Want::logits}};
  RowResults results;
  results.begin(wants, 2);
  const std::vector<float> logits = {0, 0};
  results.set(0, logits);
  results.set(1, logits);
  EXPECT_EQ(results.output().rows[0].logsumexp, 0);
  EXPECT_FLOAT_EQ(results.output().rows[1].logsumexp, std::log(2.0F));
}

}  // namespace
}  // namespace ix::backend
