#include "quant/dequantize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "quant/blocks.h"

namespace ix::quant {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

constexpr uint16_t kOne = 0x3c00;   // 1.0 as a half
constexpr uint16_t kHalf = 0x3800;  // 0.5

template <typename Block>
std::vector<float> dequantized(TensorType type, const Block& block, size_t weights) {
  std::vector<float> out(weights);
  const Status status = dequantize_row(type, std::as_bytes(std::span(&block, 1)), out);
  EXPECT_TRUE(status.ok()) << status.message();
  return out;
}

// By hand from the format's description: d = 0.5, dmin = 1, sub-block 5 has the scale 37 = 2·16 + 5
// and the min 58 = 3·16 + 10; its quants are the high nibbles of bytes 64..95.
TEST(DequantizeQ4K, UnpacksAScaleWhoseBitsLieApart) {
  BlockQ4K block = {};
  block.d = kHalf;
  block.dmin = kOne;
  block.scales[9] = 5 | (10 << 4);
  block.scales[1] = 2 << 6;
  block.scales[5] = 3 << 6;
  block.qs[64] = 0xf0;
  block.qs[95] = 0x10;
  const auto weights = dequantized(TensorType::q4_k, block, 256);
  EXPECT_EQ(weights[160], 0.5f * 37 * 15 - 58);
  EXPECT_EQ(weights[191], 0.5f * 37 * 1 - 58);
  EXPECT_EQ(weights[161], -58.0f);
  EXPECT_EQ(weights[128], 0.0f);  // sub-block 4, scale and min 0
}

// Weight 100 is in the first half; 100 = 96 + 4: the high nibble of ql[36], bits 6 and 7 of qh[4].
TEST(DequantizeQ6K, FindsTheSixBitsOfAWeight) {
  BlockQ6K block = {};
  block.d = kOne;
  block.scales[6] = -3;  // weights 96..111
  block.ql[36] = 0x90;
  block.qh[4] = 0x80;
  const auto weights = dequantized(TensorType::q6_k, block, 256);
  EXPECT_EQ(weights[100], -3.0f * (9 + 32 - 32));
  EXPECT_EQ(weights[101], -3.0f * -32);
}

TEST(DequantizeQ4_0, TakesLowNibblesFirst) {
  BlockQ4_0 block = {};
  block.d = kHalf;
  block.qs[3] = 0xf1;
  const auto weights = dequantized(TensorType::q4_0, block, 32);
  EXPECT_EQ(weights[3], 0.5f * (1 - 8));
  EXPECT_EQ(weights[19], 0.5f * (15 - 8));
  EXPECT_EQ(weights[4], 0.5f * -8);
}

TEST(DequantizeRow, ReadsRowsOfManyBlocks) {
  std::vector<BlockQ8_0> blocks(3);
  for (size_t i = 0; i < blocks.size(); ++i) {
    blocks[i].d = kOne;
    std::memset(blocks[i].qs, static_cast<int>(i), sizeof(blocks[i].qs));
  }
  std::vector<float> out(96);
  ASSERT_TRUE(dequantize_row(TensorType::q8_0, std::as_bytes(std::span(blocks)), out).ok());
  EXPECT_THAT(std::span(out).subspan(32, 32), Each(1.0f));
  EXPECT_THAT(std::span(out).subspan(64, 32), Each(2.0f));
}

TEST(DequantizeRow, TakesAnEmptyRow) {
  EXPECT_TRUE(dequantize_row(TensorType::q4_k, {}, {}).ok());
  EXPECT_TRUE(dequantize_row(TensorType::f32, {}, {}).ok());
}

TEST(DequantizeRow, RefusesOtherTypesByName) {
  const std::vector<std::byte> bytes(66);
  std::vector<float> out(256);
  const Status status = dequantize_row(TensorType::iq2_xxs, bytes, out);
  EXPECT_EQ(status.code(), StatusCode::unsupported);
  EXPECT_THAT(status.message(), HasSubstr("IQ2_XXS"));
  EXPECT_THAT(dequantize_row(static_cast<TensorType>(99), bytes, out).message(),
              HasSubstr("type 99"));
}

TEST(DequantizeRow, RefusesBytesThatAreNotThoseOfTheWeights) {
  const std::vector<std::byte> bytes(143);
  std::vector<float> out(256);
  const Status status = dequantize_row(TensorType::q4_k, bytes, out);
  EXPECT_EQ(status.code(), StatusCode::invalid_argument);
  EXPECT_THAT(status.message(), HasSubstr("144 bytes, 143"));
  out.resize(255);
  EXPECT_EQ(dequantize_row(TensorType::q4_k, bytes, out).code(), StatusCode::invalid_argument);
}

// dequantizable says what dequantize_row() can do, for every id.
TEST(DequantizeRow, AgreesWithTheTraits) {
  for (uint32_t id = 0; id < 64; ++id) {
    const auto type = static_cast<TensorType>(id);
    const TypeTraits* traits = find_traits(type);
    if (traits == nullptr) continue;
    const std::vector<std::byte> block(static_cast<size_t>(traits->block_bytes));
    std::vector<float> out(static_cast<size_t>(traits->block_weights));
    EXPECT_EQ(dequantize_row(type, block, out).ok(), traits->dequantizable) << traits->name;
  }
}

}  // namespace
}  // namespace ix::quant
