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

  static __m128i rounded_16(const float* x, __m512 inverse) {
    return _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x), inverse)));
  }

  static int32_t quantize_16(const float* x, float inverse, int8_t* q) {
    __m128i bytes = _mm_setzero_si128();
    if (inverse != 0.0f) bytes = rounded_16(x, _mm512_set1_ps(inverse));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(q), bytes);
    __m128i sum = _mm_dpbusd_epi32(_mm_setzero_si128(), _mm_set1_epi8(1), bytes);
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
    return _mm_cvtsi128_si32(sum);
  }
};

// Every dword of a lane of 128 bits: the sum of its 16 bytes.
__m512i sum_lanes(const int8_t* q) {
  __m512i sum =
      _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_set1_epi8(1), _mm512_loadu_si512(q));
  sum = _mm512_add_epi32(sum, _mm512_shuffle_epi32(sum, _MM_PERM_BADC));
  return _mm512_add_epi32(sum, _mm512_shuffle_epi32(sum, _MM_PERM_CDAB));
}

// Dword i: the sum of q[16 i] … q[16 i + 15], of 256.
__m512i sums_of_16(const int8_t* q) {
  __m512i sums = sum_lanes(q);  // lane l holds sums l, 4 + l, 8 + l and 12 + l in turn
  sums = _mm512_mask_mov_epi32(sums, 0x2222, sum_lanes(q + 64));
  sums = _mm512_mask_mov_epi32(sums, 0x4444, sum_lanes(q + 128));
  sums = _mm512_mask_mov_epi32(sums, 0x8888, sum_lanes(q + 192));
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  return _mm512_permutexvar_epi32(order, sums);
}

void quantize_block_256(const float* x, Q8Block256* block) {
  float inverse;
  block->scale = block_scale(Lanes::largest_bits<256>(x), &inverse);
  if (inverse == 0.0f) {
    __builtin_memset(block->q, 0, sizeof(block->q));
  } else {
    const __m512 factor = _mm512_set1_ps(inverse);
#pragma GCC unroll 16
    for (int i = 0; i < 256; i += 16) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(block->q + i), Lanes::rounded_16(x + i, factor));
    }
  }
  const __m512i sums = sums_of_16(block->q);
  const __m512i odd_ones = _mm512_set1_epi64(int64_t{1} << 32);
  _mm512_storeu_si512(block->start16, _mm512_sub_epi32(odd_ones, _mm512_slli_epi32(sums, 5)));
  const __m512i pairs = _mm512_add_epi32(sums, _mm512_srli_epi64(sums, 32));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(block->sum32), _mm512_cvtepi64_epi16(pairs));
}

}  // namespace

void quantize_q8_32_avx512vnni(const float* x, int64_t cols, int64_t block_stride, uint8_t* out) {
  quantize_blocks_32<Lanes>(x, cols, block_stride, out);
}

void quantize_q8_256_avx512vnni(const float* x, int64_t cols, int64_t block_stride, uint8_t* out) {
  for (int64_t b = 0; b < cols / 256; ++b, x += 256, out += block_stride) {
    quantize_block_256(x, reinterpret_cast<Q8Block256*>(out));
  }
}

}  // namespace ix::backend::cpu
