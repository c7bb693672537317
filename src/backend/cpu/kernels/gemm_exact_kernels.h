// The kernels of the exact product Q4_K × FP16 → FP32, for one instruction set: a table of
// functions. ../gemm_exact.h is the product made of them.
//
// Plain C-like header: instruction set files include it, so it instantiates nothing.
//
// Weights are halves in panels of kExactRows rows: [k][row]. B is floats in tiles of kExactColumns
// columns: [k][column]; the last tile may be narrower. An element of C is one chain of fused
// multiply-adds, ascending in k, which begins at zero: the same bits whatever the tile, the panel
// and the thread. (The portable table rounds products too.)
#pragma once

#include <stdint.h>

namespace ix::backend::cpu {

// Rows of a panel and columns of a tile. With 512 bits, 2 registers of rows × 12 columns are 24
// sums; a fused multiply-add has a latency of 4 cycles and a throughput of 1 (Zen 4) or 2 (Intel) a
// cycle, so 8 would hide it, but 12 columns also need only 2 + 12 loads for 24 operations. With 256
// bits the tile is cut in four: 2 registers of rows × 6 columns, 12 sums of 16 registers.
constexpr int kExactRows = 32;
constexpr int kExactColumns = 12;
// Columns of A that one call multiplies: a block of Q4_K. Its part of a panel, 16 KiB, stays in the
// first-level cache while tiles of 12 KiB pass.
constexpr int kExactDepth = 256;

// sums[j][row] += sum over k of panel[k][row] * B[k][j] for all n columns j.
struct ExactMultiplyArgs {
  const uint16_t* panel;  // [kExactDepth, kExactRows]
  const float* tiles;     // tile t at tiles + t * tile_stride: [kExactDepth, its width]
  int64_t tile_stride;    // floats; kExactDepth * kExactColumns where tiles are to be prefetched
  int64_t n;              // columns; all tiles but the last have kExactColumns
  float* sums;            // [n, kExactRows]
  bool first;             // sums are written without being read, as if they were zero
};

struct ExactKernels {
  // One Q4_K block each of `rows` (1 … kExactRows) rows, row_bytes apart, to halves [kExactDepth,
  // kExactRows]: quant::dequantize_row and then to nearest even. Missing rows become zeros.
  void (*dequantize)(const void* blocks, int64_t row_bytes, int rows, uint16_t* panel);
  // Exact: halves to floats.
  void (*widen)(const uint16_t* in, int64_t n, float* out);
  // tile[k * width + j] = B[k, j] for `depth` k and `columns` <= width columns, widened;
  // pack_rows: B[k, j] = b[k * stride + j]; pack_columns: B[k, j] = b[j * stride + k].
  void (*pack_rows)(const uint16_t* b, int64_t stride, int64_t depth, int columns, int width,
                    float* tile);
  void (*pack_columns)(const uint16_t* b, int64_t stride, int64_t depth, int columns, int width,
                       float* tile);
  void (*multiply)(const ExactMultiplyArgs& args);
};

extern const ExactKernels kExactKernelsGeneric;
#if defined(__x86_64__)
extern const ExactKernels kExactKernelsAvx2;
extern const ExactKernels kExactKernelsAvx512Vnni;
#elif defined(__aarch64__)
extern const ExactKernels kExactKernelsNeon;
#endif

}  // namespace ix::backend::cpu
