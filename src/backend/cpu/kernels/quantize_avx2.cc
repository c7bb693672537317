// Quantisation of activations for AVX2.
#include <immintrin.h>

#include "backend/cpu/kernels/quantize_body.h"
#include "backend/cpu/kernels/quantize_kernels.h"

namespace ix::backend::cpu {
namespace {

struct Lanes {
  template <int kCount>
  static int32_t largest_bits(const float* x) {
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    __m256i most = _mm256_setzero_si256();
    for (int i = 0; i < kCount; i += 8) {
      const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + i));
      most = _mm256_max_epi32(most, _mm256_and_si256(bits, magnitude));
    }
    __m128i m = _mm_max_epi32(_mm256_castsi256_si128(most), _mm256_extracti128_si256(most, 1));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4e));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0xb1));
    return _mm_cvtsi128_si32(m);
  }

  static __m256i rounded(const float* x, __m256 inverse) {
    return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x), inverse));
  }

  static int32_t quantize_16(const float* x, float inverse, int8_t* q) {
    __m128i bytes = _mm_setzero_si128();
    if (inverse != 0.0f) {
      const __m256 scale = _mm256_set1_ps(inverse);
      const __m256i words = _mm256_packs_epi32(rounded(x, scale), rounded(x + 8, scale));
      const __m256i ordered = _mm256_permute4x64_epi64(words, 0xd8);
      bytes =
          _mm_packs_epi16(_mm256_castsi256_si128(ordered), _mm256_extracti128_si256(ordered, 1));
    }
    _mm_storeu_si128(reinterpret_cast<__m128i*>(q), bytes);
    const __m128i pairs = _mm_maddubs_epi16(_mm_set1_epi8(1), bytes);
    __m128i sum = _mm_madd_epi16(pairs, _mm_set1_epi16(1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
    return _mm_cvtsi128_si32(sum);
  }
};

}  // namespace

void quantize_q8_32_avx2(const float* x, int64_t cols, int64_t block_stride, uint8_t* out) {
  quantize_blocks_32<Lanes>(x, cols, block_stride, out);
}

void quantize_q8_256_avx2(const float* x, int64_t cols, int64_t block_stride, uint8_t* out) {
  quantize_blocks_256<Lanes>(x, cols, block_stride, out);
}

}  // namespace ix::backend::cpu
