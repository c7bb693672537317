// Quantisation of activations in portable C++.

#include "backend/cpu/kernels/quantize_body.h"
#include "backend/cpu/kernels/quantize_kernels.h"

namespace ix::backend::cpu {
namespace {

struct Lanes {
  template <int kCount>
  static int32_t largest_bits(const float* x) {
    int32_t most = 0;
    for (int i = 0; i < kCount; ++i) {
      int32_t bits;
      __builtin_memcpy(&bits, x + i, sizeof(bits));
      bits &= 0x7fffffff;
      most = bits > most ? bits : most;
    }
    return most;
  }

  static int32_t quantize_16(const float* x, float inverse, int8_t* q) {
    constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
    int32_t sum = 0;
    for (int i = 0; i < 16; ++i) {
      const float rounded = inverse == 0.0f ? kRound : x[i] * inverse + kRound;
      int32_t bits;
      __builtin_memcpy(&bits, &rounded, sizeof(bits));
      q[i] = static_cast<int8_t>(bits - 0x4b400000);
      sum += q[i];
    }
    return sum;
  }
};

}  // namespace

void copy_f32(const float* x, int64_t cols, int64_t block_stride, uint8_t* out) {
  for (int64_t b = 0; b < cols / 32; ++b, x += 32, out += block_stride) {
    __builtin_memcpy(out, x, sizeof(F32Block32));
  }
}

void quantize_q8_32_generic(const float* x, int64_t cols, int64_t block_stride, uint8_t* out) {
  quantize_blocks_32<Lanes>(x, cols, block_stride, out);
}

void quantize_q8_256_generic(const float* x, int64_t cols, int64_t block_stride, uint8_t* out) {
  quantize_blocks_256<Lanes>(x, cols, block_stride, out);
}

}  // namespace ix::backend::cpu
