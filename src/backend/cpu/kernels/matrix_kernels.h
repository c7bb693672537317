// The matrix kernels of one instruction set: a table of functions.
//
// Plain C-like header: instruction set files include it, so it instantiates nothing.
//
// Batch invariance: for one table, an output element is the same bits whatever `n`, the place of
// the row among the n, the range of panels and the thread: every micro-kernel runs the same float
// operations in the same order, ascending in k. Tables of different sets agree only closely.
#pragma once

#include <stdint.h>

#include "backend/cpu/kernels/panel_format.h"

namespace ix::backend::cpu {

// out[j * out_stride + row] = sum over k of W[row, k] * X[j, k], for the rows of some panels.
struct MatmulArgs {
  const uint8_t* panels;  // panel 0; panel_bytes apart; 64-byte aligned
  int64_t panel_bytes;
  int64_t first_panel;  // panels [first_panel, last_panel) are computed
  int64_t last_panel;
  int64_t rows;                // of the whole matrix: what the last panel has beyond is not written
  int64_t blocks;              // along k: columns / block_cols
  const uint8_t* activations;  // block b of row j at + b * block_stride + j * (bytes of a block)
  int64_t block_stride;        // bytes, a multiple of 4
  int64_t n;                   // activation rows
  float* out;
  int64_t out_stride;  // floats between activation rows
  uint8_t* scratch;    // MatrixKernels::scratch_bytes, 64-byte aligned, the calling thread's own
};

using MatmulFn = void (*)(const MatmulArgs& args);
// x [cols] -> blocks of 32 or 256 columns, block_stride bytes apart, quantised or, for
// ActivationKind::f32, copied; the bits are the same in every
// table.
using QuantizeFn = void (*)(const float* x, int64_t cols, int64_t block_stride, uint8_t* out);

struct MatrixKernels {
  QuantizeFn quantize[kActivationKinds];  // by ActivationKind
  MatmulFn matmul[kPackedTypes];          // by PackedType
  int64_t scratch_bytes = 0;              // that a product works in; a multiple of 64
  int64_t group_panels = 8;               // that share what is read of many activation rows
};

extern const MatrixKernels kMatrixKernelsGeneric;
#if defined(__x86_64__)
extern const MatrixKernels kMatrixKernelsAvx2;
extern const MatrixKernels kMatrixKernelsAvx2Vnni;
extern const MatrixKernels kMatrixKernelsAvx512Vnni;
extern const MatrixKernels kMatrixKernelsAmx;
#elif defined(__aarch64__)
extern const MatrixKernels kMatrixKernelsNeonDotProd;
extern const MatrixKernels kMatrixKernelsNeonI8mm;
#endif

}  // namespace ix::backend::cpu
