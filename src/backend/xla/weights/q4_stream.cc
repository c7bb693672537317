#include "backend/xla/weights/q4_stream.h"

#include <array>
#include <cstring>

#include "backend/xla/padding.h"
#include "backend/xla/weights/tile_writer.h"
#include "base/check.h"
#include "base/float16.h"
#include "quant/blocks.h"

namespace ix::backend::xla {
namespace {

using quant::TensorType;

constexpr int64_t kHalfBlock = kQ4Block / 2;

// 32 weights of a row: w = nibble * scale - minimum.
struct Q4Block {
  std::array<uint8_t, kQ4Block> nibbles{};
  float scale = 0;
  float minimum = 0;
};

template <typename Block>
Block block_at(std::span<const std::byte> bytes) {
  Block block;
  std::memcpy(&block, bytes.data(), sizeof(block));
  return block;
}

// Low nibbles are weights 0 .. 15, high ones 16 .. 31.
void unpack_halves(const uint8_t (&qs)[kHalfBlock], Q4Block& out) {
  for (size_t i = 0; i < kHalfBlock; ++i) {
    out.nibbles[i] = qs[i] & 15U;
    out.nibbles[i + kHalfBlock] = qs[i] >> 4U;
  }
}

Q4Block from_q4_0(std::span<const std::byte> bytes) {
  const auto block = block_at<quant::BlockQ4_0>(bytes);
  Q4Block out;
  unpack_halves(block.qs, out);
  out.scale = half_to_float(block.d);
  out.minimum = 8 * out.scale;
  return out;
}

Q4Block from_q4_1(std::span<const std::byte> bytes) {
  const auto block = block_at<quant::BlockQ4_1>(bytes);
  Q4Block out;
  unpack_halves(block.qs, out);
  out.scale = half_to_float(block.d);
  out.minimum = -half_to_float(block.m);
  return out;
}

// Sub-block `part` (0 .. 7).
Q4Block from_q4_k(std::span<const std::byte> bytes, int part) {
  const auto block = block_at<quant::BlockQ4K>(bytes);
  const quant::ScaleMin packed = quant::unpack_scale_min(block.scales, part);
  Q4Block out;
  const uint8_t* qs = block.qs + part / 2 * kQ4Block;
  for (size_t i = 0; i < kQ4Block; ++i) {
    out.nibbles[i] = part % 2 == 0 ? qs[i] & 15U : qs[i] >> 4U;
  }
  out.scale = half_to_float(block.d) * packed.scale;
  out.minimum = half_to_float(block.dmin) * packed.min;
  return out;
}

// Columns [column, column + 32) of a row.
Q4Block read_block(const SourceMatrix& matrix, int32_t row, int32_t column) {
  if (row == kPad || column == kPad) return {};
  const int64_t first = column / matrix.block() * matrix.block();
  const auto bytes = matrix.bytes(row, first, matrix.block());
  switch (matrix.type()) {
    case TensorType::q4_0:
      return from_q4_0(bytes);
    case TensorType::q4_1:
      return from_q4_1(bytes);
    default:
      return from_q4_k(bytes, static_cast<int>((column - first) / kQ4Block));
  }
}

bool is_four_bit(TensorType type) {
  return type == TensorType::q4_0 || type == TensorType::q4_1 || type == TensorType::q4_k;
}

}  // namespace

Result<bool> fits_q4(const MatrixRecipe& recipe, const quant::WeightSource& source) {
  IX_ASSIGN_OR_RETURN(const SourceMatrix matrix,
                      SourceMatrix::open(source, recipe.tensor, recipe.rows, recipe.cols));
  if (!is_four_bit(matrix.type()) || recipe.in.size() % kQ4Block != 0) return false;
  for (size_t i = 0; i < recipe.in.size(); ++i) {
    const int32_t first = recipe.in[i / kQ4Block * kQ4Block];
    const auto along = static_cast<int32_t>(i % kQ4Block);
    if (first != kPad && first % kQ4Block != 0) return false;
    if (recipe.in[i] != (first == kPad ? kPad : first + along)) return false;
  }
  return true;
}

Status stream_q4(const MatrixRecipe& recipe, const SourceMatrix& matrix,
                 std::span<Upload* const> pieces) {
  // 4 MB of nibbles; wide, so that most arrays are written in few pieces.
  constexpr int64_t kTileBlocks = 16;
  constexpr int64_t kTileColumns = 16384;
  const auto blocks = static_cast<int64_t>(recipe.in.size()) / kQ4Block;
  const auto out = static_cast<int64_t>(recipe.out.size());
  TileWriter<uint8_t> nibbles(*pieces[0], out);
  TileWriter<float> scales(*pieces[1], out);
  TileWriter<float> minimums(*pieces[2], out);
  for (int64_t b = 0; b < blocks; b += kTileBlocks) {
    const int64_t rows = std::min(kTileBlocks, blocks - b);
    for (int64_t n = 0; n < out; n += kTileColumns) {
      const int64_t cols = std::min(kTileColumns, out - n);
      nibbles.begin(b * kHalfBlock, rows * kHalfBlock, n, cols);
      scales.begin(b, rows, n, cols);
      minimums.begin(b, rows, n, cols);
      for (int64_t col = 0; col < cols; ++col) {
        for (int64_t row = 0; row < rows; ++row) {
          const Q4Block block = read_block(matrix, recipe.out[static_cast<size_t>(n + col)],
                                           recipe.in[static_cast<size_t>((b + row) * kQ4Block)]);
          for (int64_t i = 0; i < kHalfBlock; ++i) {
            nibbles.at(row * kHalfBlock + i, col) =
                static_cast<uint8_t>(block.nibbles[static_cast<size_t>(i)] |
                                     (block.nibbles[static_cast<size_t>(i + kHalfBlock)] << 4U));
          }
          scales.at(row, col) = block.scale;
          minimums.at(row, col) = block.minimum;
        }
      }
      IX_RETURN_IF_ERROR(nibbles.write());
      IX_RETURN_IF_ERROR(scales.write());
      IX_RETURN_IF_ERROR(minimums.write());
    }
  }
  return ok_status();
}

}  // namespace ix::backend::xla
