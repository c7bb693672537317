#include "backend/xla/lowering/emit_linear.h"

#include "backend/xla/lowering/emit_row_ops.h"

namespace ix::backend::xla {
namespace {

using hlo::Builder;
using hlo::ElementType;
using hlo::Op;

Op bf16_product(Builder& b, Op x, Op weight, const LoweringTarget& target) {
  const int64_t rows = b.dim(x, 0);
  Op narrow = b.convert(x, ElementType::bf16);
  const bool pad = target.pad_single_rows && rows == 1;
  if (pad) narrow = b.pad(narrow, 0.0, {0, 0}, {1, 0});
  const Op product = b.matmul(narrow, weight, ElementType::f32);
  return pad ? b.slice_in_dim(product, 0, 0, 1) : product;
}

Op f16_product(Builder& b, Op x, Op weight) {
  constexpr double kLargest = 65504;
  const Op inside = b.maximum(b.minimum(x, kLargest), -kLargest);
  return b.matmul(b.convert(inside, ElementType::f16), weight, ElementType::f32);
}

// Half of the inputs of each block of 32: [rows, in] -> [rows, in / 2].
Op half_of_blocks(Builder& b, Op x, int64_t half) {
  const int64_t rows = b.dim(x, 0);
  const int64_t in = b.dim(x, 1);
  constexpr int64_t kHalf = kQ4Block / 2;
  const Op blocks = b.reshape(x, {rows, in / kQ4Block, 2, kHalf});
  return b.reshape(b.slice_in_dim(blocks, 2, half, half + 1), {rows, in / 2});
}

// The low nibbles belong to the first 16 inputs of a block and the high ones to the last, so that
// two products of half the depth add up and no unpacked weight is put together.
Op q4_product(Builder& b, Op x, const EmittedWeight& weight, const LoweringTarget& target) {
  const Op packed = weight.pieces[0];  // u8 [in / 2, out]
  const int64_t half_in = b.dim(packed, 0);
  const int64_t out = b.dim(packed, 1);
  const hlo::Dims blocks = {half_in / (kQ4Block / 2), kQ4Block / 2, out};
  // No shift and no mask: a sixteenth of a byte is exact in float.
  const Op bytes = b.convert(packed, ElementType::f32);
  const Op high = b.floor(b.multiply(bytes, 1.0 / 16));
  const Op low = b.subtract(bytes, b.multiply(high, 16.0));
  const auto over_blocks = [&](Op piece) { return b.broadcast(piece, blocks, {0, 2}); };
  const Op scales = over_blocks(weight.pieces[1]);
  const Op minimums = over_blocks(weight.pieces[2]);
  const auto weights = [&](Op nibbles) {
    const Op shifted = b.subtract(b.multiply(b.reshape(nibbles, blocks), scales), minimums);
    return b.reshape(b.convert(shifted, ElementType::bf16), {half_in, out});
  };
  return b.add(bf16_product(b, half_of_blocks(b, x, 0), weights(low), target),
               bf16_product(b, half_of_blocks(b, x, 1), weights(high), target));
}

}  // namespace

Op emit_product(Builder& b, Op x, const EmittedWeight& weight, const LoweringTarget& target) {
  switch (weight.form) {
    case WeightForm::f32:
      return b.matmul(x, weight.pieces[0], ElementType::f32);
    case WeightForm::bf16:
      return bf16_product(b, x, weight.pieces[0], target);
    case WeightForm::f16:
      return f16_product(b, x, weight.pieces[0]);
    case WeightForm::int8: {
      const Op values = b.convert(weight.pieces[0], ElementType::bf16);
      const Op product = bf16_product(b, x, values, target);
      return b.multiply(product, broadcast_like(b, weight.pieces[1], product, {1}));
    }
    case WeightForm::q4:
      return q4_product(b, x, weight, target);
  }
  IX_CHECK(false);
  return {};
}

}  // namespace ix::backend::xla
