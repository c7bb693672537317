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

// total += groups [kFirst, kLast) of half h × x[c * kStride + 4 * kFirst …], x at the sub-block's
// first activation.
template <int kFirst, int kLast, int C, int kStride, typename Quants>
IX_INLINE void dot(const Quants& low, const Quants& high, const uint8_t* x, Integers<C>& total) {
  forget_loads();
  const __m256i w[2] = {low.template group<kFirst>(), high.template group<kFirst>()};
#pragma GCC unroll 8
  for (int c = 0; c < C; ++c) {
    const __m256i both = broadcast(x + c * kStride + 4 * kFirst);
    total.half[0][c] = add_byte_products(total.half[0][c], w[0], both);
    total.half[1][c] = add_byte_products(total.half[1][c], w[1], both);
  }
  if constexpr (kFirst + 1 < kLast) dot<kFirst + 1, kLast, C, kStride>(low, high, x, total);
}

// Sums of these groups fit 16 bits with their sign.
template <typename Quants, int kGroups>
constexpr bool kFit16Bits = 4 * kGroups*((1 << Quants::kBits) - 1) * 127 < 32768;

// The same times the 16 rows' scales: signed bytes, of which kMask counts.
template <int kFirst, int kLast, int C, int kStride, int kMask = 255, typename Quants>
IX_INLINE void dot_scaled(const Quants& low, const Quants& high, const uint8_t* x,
                          const uint8_t* scales, Integers<C>& total) {
  Integers<C> sums;
  dot<kFirst, kLast, C, kStride>(low, high, x, sums);
#pragma GCC unroll 2
  for (int h = 0; h < 2; ++h) {
    const __m128i bytes =
        _mm_and_si128(load_8_bytes(scales + 8 * h), _mm_set1_epi8(static_cast<char>(kMask)));
    const __m256i dwords = _mm256_cvtepi8_epi32(bytes);
    const __m256i words = _mm256_and_si256(dwords, _mm256_set1_epi32(0xffff));
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      if constexpr (kFit16Bits<Quants, kLast - kFirst>) {
        total.half[h][c] = add_word_products(total.half[h][c], sums.half[h][c], words);
      } else {
        const __m256i product = _mm256_mullo_epi32(sums.half[h][c], dwords);
        total.half[h][c] = _mm256_add_epi32(total.half[h][c], product);
      }
    }
  }
}

}  // namespace
}  // namespace ix::backend::cpu
