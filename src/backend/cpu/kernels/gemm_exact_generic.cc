// The exact product in portable C++.
#include <string.h>

#include "backend/cpu/kernels/gemm_exact_kernels.h"
#include "base/float16.h"
#include "quant/dequantize_block.h"

namespace ix::backend::cpu {
namespace {

void dequantize(const void* blocks, int64_t row_bytes, int rows, uint16_t* panel) {
  memset(panel, 0, sizeof(uint16_t) * kExactDepth * kExactRows);
  for (int r = 0; r < rows; ++r) {
    quant::BlockQ4K block;
    memcpy(&block, static_cast<const char*>(blocks) + r * row_bytes, sizeof(block));
    float weights[kExactDepth];
    quant::dequantize_block(block, weights);
    for (int k = 0; k < kExactDepth; ++k) panel[k * kExactRows + r] = float_to_half(weights[k]);
  }
}

void widen(const uint16_t* in, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = half_to_float(in[i]);
}

void pack_rows(const uint16_t* b, int64_t stride, int64_t depth, int columns, int width,
               float* tile) {
  for (int64_t k = 0; k < depth; ++k) widen(b + k * stride, columns, tile + k * width);
}

void pack_columns(const uint16_t* b, int64_t stride, int64_t depth, int columns, int width,
                  float* tile) {
  for (int j = 0; j < columns; ++j) {
    for (int64_t k = 0; k < depth; ++k) tile[k * width + j] = half_to_float(b[j * stride + k]);
  }
}

void multiply(const ExactMultiplyArgs& args) {
  float weights[kExactDepth * kExactRows];
  widen(args.panel, kExactDepth * kExactRows, weights);
  for (int64_t j = 0; j < args.n; ++j) {
    const int64_t first = j / kExactColumns * kExactColumns;  // of the tile
    const int64_t width = args.n - first < kExactColumns ? args.n - first : kExactColumns;
    const float* column = args.tiles + j / kExactColumns * args.tile_stride + (j - first);
    float sums[kExactRows] = {};
    if (!args.first) memcpy(sums, args.sums + j * kExactRows, sizeof(sums));
    for (int k = 0; k < kExactDepth; ++k) {
      const float b = column[k * width];
      for (int r = 0; r < kExactRows; ++r) sums[r] += weights[k * kExactRows + r] * b;
    }
    memcpy(args.sums + j * kExactRows, sums, sizeof(sums));
  }
}

}  // namespace

extern const ExactKernels kExactKernelsGeneric = {dequantize, widen, pack_rows, pack_columns,
                                                  multiply};

}  // namespace ix::backend::cpu
