// Products of quants and activations in AVX2.
//
// vpmaddubsw multiplies unsigned weights with signed activations and adds pairs into 16 bits, with
// saturation; the sums below stay under 32768 (activations are at most 127):
//   2 and 3 bits: a pair is at most 2 · 7 · 127 = 1778, a sub-block of 16 has 4 groups (7112);
//   4 bits: a pair is at most 2 · 15 · 127 = 3810, so all 8 groups of a sub-block fit (30480);
//   5 bits: 2 · 31 · 127 = 7874, 4 groups fit (31496);
//   6 bits: 2 · 63 · 127 = 16002, 2 groups fit (32004);
//   8 bits: |w| ≤ 128 with the sign moved to the activation: 2 · 128 · 127 = 32512, 1 group fits.
//
// Included by matrix_avx2.cc, so all of it is of internal linkage.
#pragma once

#include "backend/cpu/kernels/matrix_quants_avx2.h"

namespace ix::backend::cpu {
namespace {

// Signed: no offset remains.
struct Bytes : UnsignedBytes {
  static constexpr int kOffsetBits = 0;
  using UnsignedBytes::UnsignedBytes;
  template <int kGroup>
  IX_INLINE __m256i group() const {
    return _mm256_xor_si256(UnsignedBytes::group<kGroup>(), _mm256_set1_epi8(-128));
  }
};

// Groups whose products may be added in 16 bits.
template <typename Quants>
constexpr int kGroupsIn16Bits = Quants::kBits <= 4   ? 8
                                : Quants::kBits == 5 ? 4
                                : Quants::kBits == 6 ? 2
                                                     : 1;

template <typename Quants>
IX_INLINE __m256i products(__m256i w, __m256i x) {
  if constexpr (Quants::kBits == 8) {
    return _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
  } else {
    return _mm256_maddubs_epi16(w, x);
  }
}

// sum + the products of pairs of words
IX_INLINE __m256i add_word_products(__m256i sum, __m256i a, __m256i b) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}

// sums[c] += kCount groups from kGroup on × x[c * kStride + 4 * kGroup …], as two sums of 16 bits a
// row.
template <int kGroup, int kCount, int C, int kStride, typename Quants>
IX_INLINE void add_groups(const Quants& quants, const uint8_t* x, __m256i* sums) {
  const __m256i w = quants.template group<kGroup>();
#pragma GCC unroll 8
  for (int c = 0; c < C; ++c) {
    const __m256i product = products<Quants>(w, broadcast(x + c * kStride + 4 * kGroup));
    sums[c] = _mm256_add_epi16(sums[c], product);
  }
  if constexpr (kCount > 1) add_groups<kGroup + 1, kCount - 1, C, kStride>(quants, x, sums);
}

// What add_groups adds to, where minus_sum × 2^kBits goes before it: the upper of the two.
template <int kBits>
IX_INLINE __m256i offset_share(__m256i minus_sum) {
  return _mm256_slli_epi32(minus_sum, 16 + kBits);
}

// [row] of 8 scales, to be multiplied with what add_groups gives: both sums.
IX_INLINE __m256i words_of_scales(__m128i bytes) {
  return _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(bytes, bytes));
}

// sums[c] += groups [kFirst, kLast) × x[c * kStride …], x at the sub-block's first activation.
template <int kFirst, int kLast, int C, int kStride, typename Quants>
IX_INLINE void dot(const Quants& quants, const uint8_t* x, __m256i* sums) {
  constexpr int kGroups = kGroupsIn16Bits<Quants>;
  __m256i sums16[C];
#pragma GCC unroll 8
  for (int c = 0; c < C; ++c) sums16[c] = _mm256_setzero_si256();
  add_groups<kFirst, kGroups, C, kStride>(quants, x, sums16);
#pragma GCC unroll 8
  for (int c = 0; c < C; ++c) {
    sums[c] = add_word_products(sums[c], sums16[c], _mm256_set1_epi16(1));
  }
  if constexpr (kFirst + kGroups < kLast) {
    dot<kFirst + kGroups, kLast, C, kStride>(quants, x, sums);
  }
}

}  // namespace
}  // namespace ix::backend::cpu
