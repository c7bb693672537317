// Quantisation of activations for AVX-512.
#include <immintrin.h>

#include "backend/cpu/kernels/quantize_body.h"
#include "backend/cpu/kernels/quantize_kernels.h"

namespace ix::backend::cpu {
namespace {

struct Lanes {
  template <int kCount>
  static int32_t largest_bits(const float* x) {
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    __m512i most = _mm512_setzero_si512();
#pragma GCC unroll 16
    for (int i = 0; i < kCount; i += 16) {
      most = _mm512_max_epi32(most, _mm512_and_si512(_mm512_loadu_si512(x + i), magnitude));
    }
    return _mm512_reduce_max_epi32(most);
  }

  static int32_t quantize_16(const float* x, float inverse, int8_t* q) {
    __m512i rounded = _mm512_setzero_si512();
    if (inverse != 0.0f) {
      rounded = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x), _mm512_set1_ps(inverse)));
    }
    _mm_storeu_si128(reinterpret_cast<__m128i*>(q), _mm512_cvtepi32_epi8(rounded));
    return _mm512_reduce_add_epi32(rounded);
  }
};

}  // namespace

void quantize_q8_32_avx512vnni(const float* x, int64_t cols, int64_t block_stride, uint8_t* out) {
  quantize_blocks_32<Lanes>(x, cols, block_stride, out);
}

void quantize_q8_256_avx512vnni(const float* x, int64_t cols, int64_t block_stride, uint8_t* out) {
  quantize_blocks_256<Lanes>(x, cols, block_stride, out);
}

}  // namespace ix::backend::cpu
