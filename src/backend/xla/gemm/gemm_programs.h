// The HLO programs of products with Q4_K weights, and of their dequantisation.
#pragma once

#include <cstdint>

#include "backend/xla/hlo/module.h"
#include "base/result.h"

namespace ix::backend::xla {

// Columns that one execution multiplies at most: what a matrix unit of a NeuronCore takes at once.
inline constexpr int64_t kMostColumns = 512;

// The smallest power of two >= columns; columns in [1, kMostColumns].
int64_t column_bucket(int64_t columns);

// One rank's part of a product.
struct GemmShape {
  int64_t rows;     // of the weights
  int64_t k;        // a multiple of 256
  int64_t columns;  // a column_bucket()
  auto operator<=>(const GemmShape&) const = default;
};

// weights f16[k, rows], b f16[k, columns] -> c f32[rows, columns]; the same on all replicas, which
// do not speak with each other.
Result<hlo::Module> gemm_program(const GemmShape& shape, int32_t replicas);

// Blocks that a core dequantises in one execution: the smaller size where it is enough.
inline constexpr int64_t kFewBlocks = 64;
inline constexpr int64_t kManyBlocks = 4096;
int64_t block_bucket(int64_t blocks);

// quants u8[blocks, 4, 32] as they lie in Q4_K blocks, scales and minimums f32[blocks, 4, 2], those
// of sub-blocks 2 p and 2 p + 1 in [:, p] -> weights f32[blocks, 4, 2, 32], in order.
// w = scale q - minimum. With scale = d sc and minimum = dmin m, both exact, the only rounding is
// that of the difference: the bits are the CPU's.
Result<hlo::Module> dequantize_program(int64_t blocks, int32_t replicas);

}  // namespace ix::backend::xla
