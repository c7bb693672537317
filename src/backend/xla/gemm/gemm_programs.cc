#include "backend/xla/gemm/gemm_programs.h"

#include <fmt/format.h>

#include <bit>

#include "backend/xla/hlo/builder.h"

namespace ix::backend::xla {

using hlo::ElementType;
using hlo::Op;

int64_t column_bucket(int64_t columns) {
  IX_CHECK(columns > 0 && columns <= kMostColumns);
  return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(columns)));
}

int64_t block_bucket(int64_t blocks) { return blocks <= kFewBlocks ? kFewBlocks : kManyBlocks; }

Result<hlo::Module> gemm_program(const GemmShape& shape, int32_t replicas) {
  hlo::Builder b(fmt::format("gemm_{}x{}x{}", shape.rows, shape.k, shape.columns), replicas);
  const Op weights = b.parameter("weights", {ElementType::f16, {shape.k, shape.rows}});
  const Op columns = b.parameter("b", {ElementType::f16, {shape.k, shape.columns}});
  b.output("c", b.dot(weights, columns, {{0}, {0}, {}, {}}, ElementType::f32));
  return std::move(b).finish();
}

Result<hlo::Module> dequantize_program(int64_t blocks, int32_t replicas) {
  hlo::Builder b(fmt::format("dequantize_q4_k_{}", blocks), replicas);
  const hlo::Dims pairs = {blocks, 4, 2};
  const hlo::Dims weights = {blocks, 4, 2, 32};
  const Op quants = b.parameter("quants", {ElementType::u8, {blocks, 4, 32}});
  const Op scales = b.parameter("scales", {ElementType::f32, pairs});
  const Op minimums = b.parameter("minimums", {ElementType::f32, pairs});
  const Op low = b.convert(b.bitwise_and(quants, 15), ElementType::f32);
  // No shift: (byte - low) / 16 is exact in float.
  const Op high = b.multiply(b.subtract(b.convert(quants, ElementType::f32), low), 1.0 / 16);
  const hlo::Dims one = {blocks, 4, 1, 32};
  const Op nibbles = b.concatenate({b.reshape(low, one), b.reshape(high, one)}, 2);
  const Op scaled = b.multiply(nibbles, b.broadcast(scales, weights, {0, 1, 2}));
  b.output("weights", b.subtract(scaled, b.broadcast(minimums, weights, {0, 1, 2})));
  return std::move(b).finish();
}

}  // namespace ix::backend::xla
