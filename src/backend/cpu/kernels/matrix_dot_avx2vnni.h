// Products of quants and activations in AVX2 with VNNI: vpdpbusd and vpdpwssd add to 32 bits.
//
// Included by matrix_avx2vnni.cc, so all of it is of internal linkage. Built without AVX-VNNI but
// with AVX-512 VL and VNNI, which a test does, it takes their form of the same instructions.
#pragma once

#include "backend/cpu/kernels/matrix_quants_avx2.h"

namespace ix::backend::cpu {
namespace {

struct Bytes : UnsignedBytes {
  static constexpr int kOffsetBits = 7;
  using UnsignedBytes::UnsignedBytes;
};

IX_INLINE __m256i add_byte_products(__m256i sum, __m256i w, __m256i x) {
#if defined(__AVXVNNI__)
  return _mm256_dpbusd_avx_epi32(sum, w, x);
#else
  return _mm256_dpbusd_epi32(sum, w, x);
#endif
}

// sum + the products of pairs of words
IX_INLINE __m256i add_word_products(__m256i sum, __m256i a, __m256i b) {
#if defined(__AVXVNNI__)
  return _mm256_dpwssd_avx_epi32(sum, a, b);
#else
  return _mm256_dpwssd_epi32(sum, a, b);
#endif
}

// sums[c] += kCount groups from kGroup on × x[c * kStride + 4 * kGroup …].
template <int kGroup, int kCount, int C, int kStride, typename Quants>
IX_INLINE void add_groups(const Quants& quants, const uint8_t* x, __m256i* sums) {
  const __m256i w = quants.template group<kGroup>();
#pragma GCC unroll 8
  for (int c = 0; c < C; ++c) {
    sums[c] = add_byte_products(sums[c], w, broadcast(x + c * kStride + 4 * kGroup));
  }
  if constexpr (kCount > 1) add_groups<kGroup + 1, kCount - 1, C, kStride>(quants, x, sums);
}

// What add_groups adds to, where minus_sum × 2^kBits goes before it.
template <int kBits>
IX_INLINE __m256i offset_share(__m256i minus_sum) {
  return _mm256_slli_epi32(minus_sum, kBits);
}

// [row] of 8 scales, to be multiplied with what add_groups gives, whose upper half is its sign.
IX_INLINE __m256i words_of_scales(__m128i bytes) {
  return _mm256_cvtepu16_epi32(_mm_cvtepi8_epi16(bytes));
}

// sums[c] += groups [kFirst, kLast) × x[c * kStride …], x at the sub-block's first activation.
template <int kFirst, int kLast, int C, int kStride, typename Quants>
IX_INLINE void dot(const Quants& quants, const uint8_t* x, __m256i* sums) {
  add_groups<kFirst, kLast - kFirst, C, kStride>(quants, x, sums);
}

}  // namespace
}  // namespace ix::backend::cpu
