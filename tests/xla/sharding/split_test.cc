#include "backend/xla/sharding/split.h"

#include <gmock/gmock.h>
#include <rapidcheck.h>

#include <map>
#include <set>

namespace ix::backend::xla {
namespace {

using ::testing::ElementsAre;

using Units = std::vector<int32_t>;

TEST(SplitEvenly, PadsTheLastRank) {
  const Split split = split_evenly(7, 3);
  EXPECT_THAT(split.ranks, ElementsAre(Units{0, 1, 2}, Units{3, 4, 5}, Units{6, kPad, kPad}));
  EXPECT_DOUBLE_EQ(split.waste_percent(), 100.0 * 2 / 7);
}

TEST(SplitEvenly, LeavesRanksWithPaddingAlone) {
  EXPECT_THAT(split_evenly(2, 4).ranks, ElementsAre(Units{0}, Units{1}, Units{kPad}, Units{kPad}));
}

TEST(SplitEvenly, HasEveryUnitOnce) {
  EXPECT_TRUE(rc::check("every unit once, in order", [] {
    const auto units = *rc::gen::inRange<int64_t>(1, 2000);
    const auto ranks = *rc::gen::inRange(1, 40);
    const Split split = split_evenly(units, ranks);
    RC_ASSERT(split.ranks.size() == static_cast<size_t>(ranks));
    Units real;
    for (const Units& rank : split.ranks) {
      RC_ASSERT(rank.size() == split.ranks.front().size());
      for (const int32_t unit : rank) {
        if (unit != kPad) real.push_back(unit);
      }
    }
    RC_ASSERT(real.size() == static_cast<size_t>(units));
    for (size_t i = 0; i < real.size(); ++i) RC_ASSERT(real[i] == static_cast<int32_t>(i));
    RC_ASSERT(split.local_units() * ranks - units < ranks);
  }));
}

TEST(SplitHeads, KeepsGroupsWhereRanksDivideKvHeads) {
  const HeadSplit split = split_heads(32, 8, 2);
  EXPECT_EQ(split.group(), 4);
  EXPECT_THAT(split.kv.ranks, ElementsAre(Units{0, 1, 2, 3}, Units{4, 5, 6, 7}));
  EXPECT_EQ(split.query.waste_percent(), 0);
}

// 8 KV heads of 4 query heads on 24 ranks: a rank with 2 query heads of one KV head has 2 + 1
// heads' weights; with 1 query head 32 pieces would need two KV heads a rank; whole groups leave 4
// + 1.
TEST(SplitHeads, CutsGroupsWhereRanksExceedKvHeads) {
  const HeadSplit split = split_heads(32, 8, 24);
  EXPECT_EQ(split.group(), 2);
  EXPECT_THAT(split.kv.ranks[0], ElementsAre(0));
  EXPECT_THAT(split.kv.ranks[1], ElementsAre(0));
  EXPECT_THAT(split.query.ranks[1], ElementsAre(2, 3));
  EXPECT_THAT(split.kv.ranks[15], ElementsAre(7));
  EXPECT_THAT(split.query.ranks[15], ElementsAre(30, 31));
  EXPECT_THAT(split.query.ranks[16], ElementsAre(kPad, kPad));
  EXPECT_DOUBLE_EQ(split.query.waste_percent(), 50);
}

TEST(SplitHeads, SharesOneKvHeadAmongAll) {
  const HeadSplit split = split_heads(4, 1, 2);
  EXPECT_THAT(split.kv.ranks, ElementsAre(Units{0}, Units{0}));
  EXPECT_THAT(split.query.ranks, ElementsAre(Units{0, 1}, Units{2, 3}));
}

TEST(SplitHeads, PadsAGroupThatDoesNotDivide) {
  // 9 query heads on 3 KV heads over 8 ranks: two query heads a rank, so groups are cut 2 + 1.
  const HeadSplit split = split_heads(9, 3, 8);
  EXPECT_EQ(split.group(), 2);
  EXPECT_THAT(split.query.ranks[0], ElementsAre(0, 1));
  EXPECT_THAT(split.query.ranks[1], ElementsAre(2, kPad));
  EXPECT_THAT(split.query.ranks[2], ElementsAre(3, 4));
  EXPECT_THAT(split.kv.ranks[2], ElementsAre(1));
}

TEST(SplitHeads, HasEveryQueryHeadOnceBesideItsKvHead) {
  EXPECT_TRUE(rc::check("every query head once, beside its KV head", [] {
    const auto kv_heads = *rc::gen::inRange<int64_t>(1, 40);
    const auto heads_per_kv = *rc::gen::inRange<int64_t>(1, 17);
    const auto ranks = *rc::gen::element(1, 2, 3, 4, 5, 8, 12, 24, 32);
    const HeadSplit split = split_heads(kv_heads * heads_per_kv, kv_heads, ranks);
    std::multiset<int32_t> seen;
    std::set<int32_t> kv_seen;
    for (size_t rank = 0; rank < static_cast<size_t>(ranks); ++rank) {
      const Units& query = split.query.ranks[rank];
      const Units& kv = split.kv.ranks[rank];
      RC_ASSERT(query.size() == split.query.ranks.front().size());
      RC_ASSERT(kv.size() == split.kv.ranks.front().size());
      RC_ASSERT(query.size() == kv.size() * static_cast<size_t>(split.group()));
      for (size_t i = 0; i < query.size(); ++i) {
        const int32_t head = query[i];
        if (head == kPad) continue;
        seen.insert(head);
        RC_ASSERT(kv[i / static_cast<size_t>(split.group())] == head / heads_per_kv);
      }
      for (const int32_t head : kv) {
        if (head != kPad) kv_seen.insert(head);
      }
    }
    RC_ASSERT(seen.size() == static_cast<size_t>(kv_heads * heads_per_kv));
    RC_ASSERT(std::set<int32_t>(seen.begin(), seen.end()).size() == seen.size());
    RC_ASSERT(*seen.rbegin() == kv_heads * heads_per_kv - 1);
    RC_ASSERT(kv_seen.size() == static_cast<size_t>(kv_heads));
    // No rank holds more weights than with whole groups.
    const int64_t whole = (kv_heads + ranks - 1) / ranks * (heads_per_kv + 1);
    RC_ASSERT(split.kv.local_units() * (split.group() + 1) <= whole);
  }));
}

}  // namespace
}  // namespace ix::backend::xla
