#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

#include "backend/random_weights.h"
#include "xla/weights/streamed.h"

namespace ix::backend::xla {
namespace {

using quant::TensorType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MemoryWeights;
using testing::stream;
using testing::Streamed;
using testing::whole_matrix;

std::vector<int32_t> indices(int64_t first, int64_t count) {
  std::vector<int32_t> out(static_cast<size_t>(count));
  std::iota(out.begin(), out.end(), static_cast<int32_t>(first));
  return out;
}

float halves(uint16_t bits) { return half_to_float(bits); }

// [2, 3] of the file is [3, 2] on the device.
TEST(MatrixStream, TransposesByHand) {
  MemoryWeights weights;
  weights.add_f32("w", {3, 2}, std::vector<float>{1, 2, 3, 4, 5, 6});
  const auto all = stream({"w", 2, 3, {0, 1, 2}, {0, 1}, WeightForm::f32}, weights);
  ASSERT_TRUE(all.status.ok()) << all.status.message();
  EXPECT_THAT(all.pieces[0]->values<float>(), ElementsAre(1, 4, 2, 5, 3, 6));
  // Other orders and padding.
  const auto some = stream({"w", 2, 3, {2, kPad, 0}, {kPad, 1}, WeightForm::f32}, weights);
  EXPECT_THAT(some.pieces[0]->values<float>(), ElementsAre(0, 6, 0, 0, 0, 4));
}

TEST(MatrixStream, RoundsToBfloat16ToNearestEven) {
  MemoryWeights weights;
  // 1 + 2^-8 lies half-way between 1 and 1 + 2^-7: even is 1. 1 + 3 * 2^-8 goes up to 1 + 2^-6.
  weights.add_f32("w", {3, 1}, std::vector<float>{1.00390625F, 1.01171875F, -3.3895314e38F});
  const auto out = stream({"w", 1, 3, {0, 1, 2}, {0}, WeightForm::bf16}, weights);
  EXPECT_THAT(out.pieces[0]->values<uint16_t>(), ElementsAre(0x3F80, 0x3F82, 0xFF7F));
}

TEST(MatrixStream, RefusesWhatHalfPrecisionCannotHold) {
  MemoryWeights weights;
  weights.add_f32("fits", {2, 1}, std::vector<float>{65504.0F, -65519.0F});
  weights.add_f32("large", {2, 1}, std::vector<float>{1.0F, -65520.0F});
  weights.add_f32("infinite", {2, 1}, std::vector<float>{1.0F, INFINITY});
  const auto fits = stream({"fits", 1, 2, {0, 1}, {0}, WeightForm::f16}, weights);
  ASSERT_TRUE(fits.status.ok());
  EXPECT_EQ(halves(fits.pieces[0]->values<uint16_t>()[1]), -65504.0F);
  const auto large = stream({"large", 1, 2, {0, 1}, {0}, WeightForm::f16}, weights);
  EXPECT_EQ(large.status.code(), StatusCode::unsupported);
  EXPECT_THAT(large.status.message(), HasSubstr("'large' has the weight -65520"));
  const auto infinite = stream({"infinite", 1, 2, {0, 1}, {0}, WeightForm::f16}, weights);
  EXPECT_EQ(infinite.status.code(), StatusCode::corrupt);
}

// Column scales 254 / 127 = 2 and 0; 3 / 2 and 5 / 2 are half-way: even 2.
TEST(MatrixStream, QuantisesColumnsToInt8ByHand) {
  MemoryWeights weights;
  weights.add_f32("w", {4, 2}, std::vector<float>{-254, 3, 5, 100, 0, 0, 0, 0});
  const auto out = stream({"w", 2, 4, {0, 1, 2, 3}, {0, 1}, WeightForm::int8}, weights);
  ASSERT_TRUE(out.status.ok()) << out.status.message();
  EXPECT_THAT(out.pieces[1]->values<float>(), ElementsAre(2.0F, 0.0F));
  EXPECT_THAT(out.pieces[0]->values<int8_t>(), ElementsAre(-127, 0, 2, 0, 2, 0, 50, 0));
}

// The scale is of this rank's rows: 10 / 127, not 254 / 127.
TEST(MatrixStream, ScalesInt8ByTheRanksOwnPart) {
  MemoryWeights weights;
  weights.add_f32("w", {4, 1}, std::vector<float>{-254, 3, 5, 10});
  const auto out = stream({"w", 1, 4, {2, 3}, {0}, WeightForm::int8}, weights);
  EXPECT_FLOAT_EQ(out.pieces[1]->values<float>()[0], 10.0F / 127);
  EXPECT_THAT(out.pieces[0]->values<int8_t>(), ElementsAre(64, 127));  // 5 * 12.7 = 63.5
}

TEST(MatrixStream, RefusesNumbersThatAreNone) {
  MemoryWeights weights;
  weights.add_f32("w", {2, 1}, std::vector<float>{1, NAN});
  const auto out = stream({"w", 1, 2, {0, 1}, {0}, WeightForm::int8}, weights);
  EXPECT_EQ(out.status.code(), StatusCode::corrupt);
  EXPECT_THAT(out.status.message(), HasSubstr("'w'"));
}

TEST(MatrixStream, NamesATensorOfAnotherShape) {
  MemoryWeights weights;
  weights.add_f32("w", {2, 1}, std::vector<float>{1, 2});
  EXPECT_THAT(stream({"w", 2, 2, {0}, {0}, WeightForm::f32}, weights).status.message(),
              HasSubstr("'w' is [1, 2], expected [2, 2]"));
  EXPECT_THAT(stream({"v", 2, 2, {0}, {0}, WeightForm::f32}, weights).status.message(),
              HasSubstr("'v'"));
}

class MatrixStreamTypes : public ::testing::TestWithParam<TensorType> {};

// Parts of a matrix of several tiles, with columns that cut blocks, against the whole matrix.
TEST_P(MatrixStreamTypes, EqualsTheWholeMatrixTransposed) {
  constexpr int64_t kRows = 2100;
  constexpr int64_t kCols = 2304;
  MemoryWeights weights;
  testing::RandomWeights(weights, 3).add_matrix("w", GetParam(), kRows, kCols);
  std::vector<int32_t> in = indices(130, kCols - 150);
  in.insert(in.begin() + 7, kPad);
  std::vector<int32_t> out = indices(1, kRows - 1);
  out.push_back(kPad);
  std::swap(out[0], out[2000]);
  const MatrixRecipe recipe{"w", kRows, kCols, in, out, WeightForm::f32};
  const auto expected = whole_matrix(recipe, weights);

  const Streamed f32 = stream(recipe, weights);
  ASSERT_TRUE(f32.status.ok()) << f32.status.message();
  EXPECT_EQ(f32.pieces[0]->values<float>(), expected);

  MatrixRecipe narrow = recipe;
  narrow.form = WeightForm::bf16;
  const auto bf16 = stream(narrow, weights).pieces[0]->values<uint16_t>();
  narrow.form = WeightForm::f16;
  const auto f16 = stream(narrow, weights).pieces[0]->values<uint16_t>();
  narrow.form = WeightForm::int8;
  const Streamed int8 = stream(narrow, weights);
  ASSERT_TRUE(int8.status.ok()) << int8.status.message();
  const auto values = int8.pieces[0]->values<int8_t>();
  const auto scales = int8.pieces[1]->values<float>();
  const auto columns = static_cast<int64_t>(out.size());
  std::vector<float> largest(out.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    float& of_column = largest[i % out.size()];
    of_column = std::max(of_column, std::abs(expected[i]));
  }
  for (int64_t n = 0; n < columns; ++n) {
    EXPECT_FLOAT_EQ(scales[static_cast<size_t>(n)], largest[static_cast<size_t>(n)] / 127);
  }
  size_t wrong = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const float scale = scales[i % out.size()];
    wrong += bf16[i] != float_to_bfloat16(expected[i]);
    wrong += f16[i] != float_to_half(expected[i]);
    wrong += std::abs(static_cast<float>(values[i]) * scale - expected[i]) > 0.5001F * scale;
  }
  EXPECT_EQ(wrong, 0U);
}

INSTANTIATE_TEST_SUITE_P(All, MatrixStreamTypes,
                         ::testing::Values(TensorType::f32, TensorType::f16, TensorType::q4_k,
                                           TensorType::q6_k, TensorType::q8_0, TensorType::q5_0),
                         [](const auto& item) { return quant::type_name(item.param); });

// More output columns than a tile has, and a last tile of few.
TEST(MatrixStream, TransposesMatricesWiderThanATile) {
  constexpr int64_t kRows = 17000;  // 16384 columns of two bytes by 256 rows are 8 MB
  constexpr int64_t kCols = 300;
  MemoryWeights weights;
  testing::RandomWeights(weights, 5).add_matrix("w", TensorType::f16, kRows, kCols);
  const MatrixRecipe recipe{
      "w", kRows, kCols, indices(0, kCols), indices(0, kRows), WeightForm::bf16};
  const auto expected = whole_matrix(recipe, weights);
  const auto got = stream(recipe, weights).pieces[0]->values<uint16_t>();
  size_t wrong = 0;
  for (size_t i = 0; i < expected.size(); ++i) wrong += got[i] != float_to_bfloat16(expected[i]);
  EXPECT_EQ(wrong, 0U);
}

TEST(MatrixStream, FindsTheOneNumberThatIsNone) {
  constexpr int64_t kRows = 500;
  for (const int64_t row : {int64_t{0}, int64_t{250}, kRows - 1}) {
    MemoryWeights weights;
    std::vector<float> values(static_cast<size_t>(kRows * 64), 1.0F);
    values[static_cast<size_t>(row * 64 + 63)] = INFINITY;
    weights.add_f32("w", {64, kRows}, values);
    for (const WeightForm form : {WeightForm::f16, WeightForm::int8}) {
      const auto out = stream({"w", kRows, 64, indices(0, 64), indices(0, kRows), form}, weights);
      EXPECT_EQ(out.status.code(), StatusCode::corrupt);
      EXPECT_THAT(out.status.message(), HasSubstr("'w' has the weight inf"));
    }
  }
}

// A tensor of any size goes through pieces of at most 8 MB, and of no less where they can be whole.
TEST(MatrixStream, WritesInBoundedPieces) {
  MemoryWeights weights;
  testing::RandomWeights(weights, 4).add_matrix("w", TensorType::q4_k, 9000, 2560);
  const auto out =
      stream({"w", 9000, 2560, indices(0, 2560), indices(0, 9000), WeightForm::bf16}, weights);
  ASSERT_TRUE(out.status.ok());
  EXPECT_TRUE(out.pieces[0]->complete());
  EXPECT_LE(out.pieces[0]->largest_write(), size_t{8} << 20);
  EXPECT_GE(out.pieces[0]->largest_write(), size_t{4} << 20);
}

}  // namespace
}  // namespace ix::backend::xla
