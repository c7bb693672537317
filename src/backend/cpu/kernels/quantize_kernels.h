// Quantisation of activations, one function an instruction set and form (see panel_format.h).
//
// Plain C-like header: instruction set files include it, so it instantiates nothing.
#pragma once

#include <stdint.h>

#include "backend/cpu/kernels/panel_format.h"

namespace ix::backend::cpu {

// x [cols] -> F32Block32, block_stride bytes apart: a copy, the same function for every set.
void copy_f32(const float* x, int64_t cols, int64_t block_stride, uint8_t* out);

// x [cols] -> Q8Block32 or Q8Block256, block_stride bytes apart.
#define IX_DECLARE_QUANTIZE(isa)                                                               \
  void quantize_q8_32_##isa(const float* x, int64_t cols, int64_t block_stride, uint8_t* out); \
  void quantize_q8_256_##isa(const float* x, int64_t cols, int64_t block_stride, uint8_t* out)
IX_DECLARE_QUANTIZE(generic);
#if defined(__x86_64__)
IX_DECLARE_QUANTIZE(avx2);
IX_DECLARE_QUANTIZE(avx512vnni);
#elif defined(__aarch64__)
IX_DECLARE_QUANTIZE(neon);
#endif
#undef IX_DECLARE_QUANTIZE

}  // namespace ix::backend::cpu
