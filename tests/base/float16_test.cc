#include "base/float16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace ix {
namespace {

// The compiler's own half, where it has one, is the second opinion.
#if defined(__aarch64__)
using CompilerHalf = __fp16;
#define IX_COMPILER_HALF
#elif defined(__FLT16_MANT_DIG__)
using CompilerHalf = _Float16;
#define IX_COMPILER_HALF
#endif

TEST(Half, KnownPatterns) {
  EXPECT_EQ(half_to_float(0x3c00), 1.0F);
  EXPECT_EQ(half_to_float(0xc000), -2.0F);
  EXPECT_EQ(half_to_float(0x7bff), 65504.0F);
  EXPECT_EQ(half_to_float(0x0001), 0x1p-24F);
  EXPECT_EQ(half_to_float(0x7c00), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(half_to_float(0x7e00)));
  EXPECT_EQ(float_to_half(65519.9F), 0x7bff);
  EXPECT_EQ(float_to_half(65520.0F), 0x7c00);  // halfway to 2^16 rounds to even: infinity
  EXPECT_EQ(float_to_half(0x1p-25F), 0x0000);  // halfway to the smallest subnormal: even is zero
  EXPECT_EQ(float_to_half(0x1.8p-25F), 0x0001);
  EXPECT_EQ(float_to_half(-0.0F), 0x8000);
}

TEST(Half, EveryPatternReturnsUnchanged) {
  for (uint32_t h = 0; h <= 0xffff; ++h) {
    const float f = half_to_float(static_cast<uint16_t>(h));
    if (std::isnan(f)) continue;
    ASSERT_EQ(float_to_half(f), h);
#if defined(IX_COMPILER_HALF)
    ASSERT_EQ(static_cast<float>(std::bit_cast<CompilerHalf>(static_cast<uint16_t>(h))), f);
#endif
  }
}

#if defined(IX_COMPILER_HALF)
TEST(Half, RoundsAsTheCompilerDoes) {
  for (uint64_t i = 0; i < (uint64_t{1} << 32); i += 9973) {
    const float f = std::bit_cast<float>(static_cast<uint32_t>(i));
    if (std::isnan(f)) continue;
    ASSERT_EQ(float_to_half(f), std::bit_cast<uint16_t>(static_cast<CompilerHalf>(f))) << f;
  }
}
#endif

TEST(Bfloat16, RoundsToNearestEvenAndKeepsNan) {
  EXPECT_EQ(float_to_bfloat16(1.0F), 0x3f80);
  EXPECT_EQ(float_to_bfloat16(std::bit_cast<float>(0x3f808000u)), 0x3f80);  // tie to even
  EXPECT_EQ(float_to_bfloat16(std::bit_cast<float>(0x3f818000u)), 0x3f82);
  EXPECT_TRUE(
      std::isnan(bfloat16_to_float(float_to_bfloat16(std::numeric_limits<float>::quiet_NaN()))));
}

}  // namespace
}  // namespace ix
