// The quantisation of activations, over what an instruction set does with a run of floats.
//
// Included by the quantize_*.cc files, so all of it is of internal linkage.
#pragma once

#include <stdint.h>

#include "backend/cpu/kernels/panel_format.h"

namespace ix::backend::cpu {

// Scale of a block whose largest magnitude has these bits, and what to multiply with (0: all
// zeros). Below 2^-100 the inverse would leave the floats.
static inline float block_scale(int32_t magnitude_bits, float* inverse) {
  float most;
  __builtin_memcpy(&most, &magnitude_bits, sizeof(most));
  *inverse = 0.0f;
  if (magnitude_bits >= 0x7f800000) return __builtin_nanf("");
  if (most < 0x1p-100f) return 0.0f;
  *inverse = 127.0f / most;
  return most / 127.0f;
}

// Lanes::largest_bits<n>(x): the bits of the largest magnitude of n floats, which order like the
// magnitudes, with NaN above infinity. Lanes::quantize_16(x, inverse, q): q = x * inverse, rounded
// to nearest even (all 0 where inverse is 0); returns the sum of the 16.
template <typename Lanes>
static void quantize_blocks_32(const float* x, int64_t cols, int64_t block_stride, uint8_t* out) {
  for (int64_t b = 0; b < cols / 32; ++b, x += 32, out += block_stride) {
    auto& block = *reinterpret_cast<Q8Block32*>(out);
    float inverse;
    block.scale = block_scale(Lanes::template largest_bits<32>(x), &inverse);
    const int32_t first = Lanes::quantize_16(x, inverse, block.q);
    const int32_t sum = first + Lanes::quantize_16(x + 16, inverse, block.q + 16);
    block.minus_sum = -sum;
    block.scaled_sum = block.scale * static_cast<float>(sum);
  }
}

template <typename Lanes>
static void quantize_blocks_256(const float* x, int64_t cols, int64_t block_stride, uint8_t* out) {
  for (int64_t b = 0; b < cols / 256; ++b, x += 256, out += block_stride) {
    auto& block = *reinterpret_cast<Q8Block256*>(out);
    float inverse;
    block.scale = block_scale(Lanes::template largest_bits<256>(x), &inverse);
    for (int j = 0; j < 8; ++j) {
      const int32_t first = Lanes::quantize_16(x + 32 * j, inverse, block.q + 32 * j);
      const int32_t second = Lanes::quantize_16(x + 32 * j + 16, inverse, block.q + 32 * j + 16);
      block.start16[2 * j] = -32 * first;
      block.start16[2 * j + 1] = -32 * second + 1;
      block.sum32[j] = static_cast<int16_t>(first + second);
    }
  }
}

}  // namespace ix::backend::cpu
