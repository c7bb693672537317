#include "graph/rope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace ix::graph {
namespace {

using testing::FloatEq;
using testing::FloatNear;
using testing::Pointwise;

Rope plain_rope(int64_t rotary_dim, float freq_base) {
  return {.pairs = RopePairs::halves,
          .heads = 1,
          .head_dim = rotary_dim,
          .rotary_dim = rotary_dim,
          .freq_base = freq_base,
          .factors = "",
          .in = 0,
          .out = 1};
}

TEST(RopeTable, FallsFromOneByPowersOfTheBase) {
  // 10000^(-2i/8) = 10^(-i).
  const RopeTable table = rope_table(plain_rope(8, 10000.0F), {});
  EXPECT_THAT(table.frequencies, Pointwise(FloatEq(), std::array{1.0F, 0.1F, 0.01F, 0.001F}));
  EXPECT_EQ(table.magnitude, 1.0F);
}

TEST(RopeTable, LinearScalingSlowsEveryFrequency) {
  Rope rope = plain_rope(8, 10000.0F);
  rope.freq_scale = 0.125F;
  EXPECT_THAT(rope_table(rope, {}).frequencies,
              Pointwise(FloatEq(), std::array{0.125F, 0.0125F, 0.00125F, 0.000125F}));
}

TEST(RopeTable, FactorsDivideFrequencies) {
  const std::array factors{1.0F, 2.0F, 4.0F, 8.0F};
  EXPECT_THAT(rope_table(plain_rope(8, 10000.0F), factors).frequencies,
              Pointwise(FloatEq(), std::array{1.0F, 0.05F, 0.0025F, 0.000125F}));
}

TEST(RopeTable, AttentionFactorIsTheMagnitude) {
  Rope rope = plain_rope(8, 10000.0F);
  rope.attention_factor = 1.19F;
  EXPECT_EQ(rope_table(rope, {}).magnitude, 1.19F);
}

// rotary 16, base 10000, original context 4096, factor 4, beta 32 to 1. The pair that turns r times
// is 16 ln(4096 / (2 pi r)) / (2 ln 10000):
//   r = 32: 16 * ln(20.372) / 18.4207 = 16 * 3.01415 / 18.4207 = 2.618, floor 2
//   r = 1:  16 * ln(651.90) / 18.4207 = 16 * 6.47989 / 18.4207 = 5.628, ceil 6
// so pairs 0 to 2 keep their frequency, 6 and 7 are divided by 4, and 3, 4, 5 keep 3/4, 1/2, 1/4 of
// it: scale = 1/4 (1 - keep) + keep = 0.8125, 0.625, 0.4375. Unscaled: 10^(-i/2).
TEST(RopeTable, YarnRampsBetweenFastAndSlowPairs) {
  Rope rope = plain_rope(16, 10000.0F);
  rope.freq_scale = 0.25F;
  rope.ext_factor = 1.0F;
  rope.original_context = 4096;
  const RopeTable table = rope_table(rope, {});
  const std::array<float, 8> expected{1.0F,           0.316227766F,
                                      0.1F,           0.0316227766F * 0.8125F,
                                      0.01F * 0.625F, 0.00316227766F * 0.4375F,
                                      0.001F * 0.25F, 0.000316227766F * 0.25F};
  EXPECT_THAT(table.frequencies, Pointwise(FloatEq(), expected));
  // 1 + 0.1 ln 4
  EXPECT_THAT(table.magnitude, FloatNear(1.13862944F, 1e-6F));
}

// An original context so short that even pair 0 turns less than beta_slow times: the ramp is empty
// and lies before the first pair, so all but pair 0 are divided.
TEST(RopeTable, YarnRampIsClampedToTheFirstPair) {
  Rope rope = plain_rope(8, 10000.0F);
  rope.freq_scale = 0.5F;
  rope.ext_factor = 1.0F;
  rope.original_context = 6;  // below 2 pi: floor(-1.52) and ceil(-0.02), both clamped to 0
  EXPECT_THAT(rope_table(rope, {}).frequencies,
              Pointwise(FloatEq(), std::array{1.0F, 0.05F, 0.005F, 0.0005F}));
}

}  // namespace
}  // namespace ix::graph
