#include <gtest/gtest.h>

#include <numeric>

#include "backend/random_weights.h"
#include "xla/weights/streamed.h"

namespace ix::backend::xla {
namespace {

using quant::TensorType;
using testing::MemoryWeights;
using testing::stream;

std::vector<int32_t> indices(int32_t first, int64_t count) {
  std::vector<int32_t> out(static_cast<size_t>(count));
  std::iota(out.begin(), out.end(), first);
  return out;
}

// One block of Q4_0: d = 2, nibble i in weight i and 15 - i in weight 16 + i, w = 2 (q - 8).
TEST(Q4Stream, KeepsNibblesByHand) {
  MemoryWeights weights;
  std::vector<std::byte> bytes(18);
  bytes[1] = std::byte{0x40};  // half 2.0
  for (size_t i = 0; i < 16; ++i) bytes[2 + i] = static_cast<std::byte>(i | ((15 - i) << 4));
  weights.add("w", TensorType::q4_0, {32, 1}, bytes);
  const auto out = stream({"w", 1, 32, indices(0, 32), {0, kPad}, WeightForm::q4}, weights);
  ASSERT_TRUE(out.status.ok()) << out.status.message();
  const auto nibbles = out.pieces[0]->values<uint8_t>();
  for (size_t i = 0; i < 16; ++i) {
    EXPECT_EQ(nibbles[2 * i], i | ((15 - i) << 4));
    EXPECT_EQ(nibbles[2 * i + 1], 0);
  }
  const auto scales = out.pieces[1]->values<float>();
  const auto minimums = out.pieces[2]->values<float>();
  EXPECT_EQ(scales[0], 2.0F);
  EXPECT_EQ(minimums[0], 16.0F);
  EXPECT_EQ(scales[1], 0.0F);
  EXPECT_EQ(minimums[1], 0.0F);
}

class Q4StreamTypes : public ::testing::TestWithParam<TensorType> {};

TEST_P(Q4StreamTypes, IsTheWholeMatrix) {
  constexpr int64_t kRows = 70;
  constexpr int64_t kCols = 2560;
  MemoryWeights weights;
  testing::RandomWeights(weights, 5).add_matrix("w", GetParam(), kRows, kCols);
  std::vector<int32_t> in = indices(64, 2304);
  in.insert(in.end(), 32, kPad);
  const MatrixRecipe recipe{"w", kRows, kCols, in, indices(1, kRows - 1), WeightForm::q4};
  const auto fits = fits_q4(recipe, weights);
  ASSERT_TRUE(fits.ok() && *fits);
  const auto out = stream(recipe, weights);
  ASSERT_TRUE(out.status.ok()) << out.status.message();
  const auto nibbles = out.pieces[0]->values<uint8_t>();
  const auto scales = out.pieces[1]->values<float>();
  const auto minimums = out.pieces[2]->values<float>();
  const auto expected = testing::whole_matrix(recipe, weights);
  const size_t columns = recipe.out.size();
  for (size_t k = 0; k < in.size(); ++k) {
    for (size_t n = 0; n < columns; ++n) {
      const size_t within = k % 32;
      const uint8_t pair = nibbles[(k / 32 * 16 + within % 16) * columns + n];
      const float q = static_cast<float>(within < 16 ? pair & 15 : pair >> 4);
      const float scale = scales[k / 32 * columns + n];
      const float minimum = minimums[k / 32 * columns + n];
      ASSERT_EQ(q * scale - minimum, expected[k * columns + n]) << k << ", " << n;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Q4StreamTypes,
                         ::testing::Values(TensorType::q4_0, TensorType::q4_1, TensorType::q4_k),
                         [](const auto& item) { return quant::type_name(item.param); });

TEST(Q4Stream, RefusesOtherTypesAndCutBlocks) {
  MemoryWeights weights;
  testing::RandomWeights random(weights, 6);
  random.add_matrix("four", TensorType::q4_k, 2, 256);
  random.add_matrix("six", TensorType::q6_k, 2, 256);
  const auto fits = [&](const char* name, std::vector<int32_t> in) {
    const auto result = fits_q4({name, 2, 256, std::move(in), {0, 1}, WeightForm::q4}, weights);
    EXPECT_TRUE(result.ok());
    return *result;
  };
  EXPECT_TRUE(fits("four", indices(0, 256)));
  EXPECT_TRUE(fits("four", indices(32, 64)));
  EXPECT_FALSE(fits("four", indices(16, 64)));
  EXPECT_FALSE(fits("four", indices(0, 40)));
  auto holed = indices(0, 64);
  holed[40] = kPad;
  EXPECT_FALSE(fits("four", holed));
  EXPECT_FALSE(fits("six", indices(0, 256)));
}

}  // namespace
}  // namespace ix::backend::xla
