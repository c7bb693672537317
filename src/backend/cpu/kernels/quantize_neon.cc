// Quantisation of activations for NEON.
#include <arm_neon.h>

#include "backend/cpu/kernels/quantize_body.h"
#include "backend/cpu/kernels/quantize_kernels.h"

namespace ix::backend::cpu {
namespace {

struct Lanes {
  template <int kCount>
  static int32_t largest_bits(const float* x) {
    const int32x4_t magnitude = vdupq_n_s32(0x7fffffff);
    int32x4_t most = vdupq_n_s32(0);
    for (int i = 0; i < kCount; i += 4) {
      const int32x4_t bits = vreinterpretq_s32_f32(vld1q_f32(x + i));
      most = vmaxq_s32(most, vandq_s32(bits, magnitude));
    }
    return vmaxvq_s32(most);
  }

  // 8 rounded floats to 16 bits.
  static int16x8_t rounded(const float* x, float inverse) {
    const int32x4_t low = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x), inverse));
    const int32x4_t high = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + 4), inverse));
    return vcombine_s16(vmovn_s32(low), vmovn_s32(high));
  }

  static int32_t quantize_16(const float* x, float inverse, int8_t* q) {
    int8x16_t bytes = vdupq_n_s8(0);
    if (inverse != 0.0f) {
      bytes = vcombine_s8(vmovn_s16(rounded(x, inverse)), vmovn_s16(rounded(x + 8, inverse)));
    }
    vst1q_s8(q, bytes);
    return vaddlvq_s8(bytes);
  }
};

}  // namespace

void quantize_q8_32_neon(const float* x, int64_t cols, int64_t block_stride, uint8_t* out) {
  quantize_blocks_32<Lanes>(x, cols, block_stride, out);
}

void quantize_q8_256_neon(const float* x, int64_t cols, int64_t block_stride, uint8_t* out) {
  quantize_blocks_256<Lanes>(x, cols, block_stride, out);
}

}  // namespace ix::backend::cpu
