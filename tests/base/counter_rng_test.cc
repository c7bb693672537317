#include "base/counter_rng.h"

#include <gtest/gtest.h>

#include <array>

namespace ix {
namespace {

using Words = std::array<uint32_t, 4>;

// Known answers of Random123's kat_vectors for philox4x32, 10 rounds.
TEST(Philox, GivesTheKnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(UniformAt, TakesTheFirstTwoWordsAsA53BitFraction) {
  // 0xe169c58d6627e8d5 >> 11, times 2^-53.
  EXPECT_EQ(uniform_at(0, 0), static_cast<double>(0xe169c58d6627e8d5U >> 11) * 0x1p-53);
}

TEST(UniformAt, UsesAllBitsOfSeedAndCounter) {
  for (int bit = 0; bit < 64; ++bit) {
    EXPECT_NE(uniform_at(uint64_t{1} << bit, 7), uniform_at(0, 7)) << bit;
    EXPECT_NE(uniform_at(7, uint64_t{1} << bit), uniform_at(7, 0)) << bit;
  }
}

TEST(UniformAt, FillsTenEqualBinsEvenly) {
  constexpr int kDraws = 100'000;
  std::array<int, 10> counts{};
  for (int i = 0; i < kDraws; ++i) {
    const double u = uniform_at(42, static_cast<uint64_t>(i));
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    ++counts[static_cast<size_t>(u * 10)];
  }
  double chi_square = 0;
  for (const int count : counts) {
    const double difference = count - kDraws / 10.0;
    chi_square += difference * difference / (kDraws / 10.0);
  }
  EXPECT_LT(chi_square, 33.7);  // 9 degrees of freedom, p = 0.0001
}

}  // namespace
}  // namespace ix
