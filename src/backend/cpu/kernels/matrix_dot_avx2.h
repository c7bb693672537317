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

// sums[h][c] += groups [kGroup, kEnd) of half h × x[c * kStride + 4 * kGroup …], as two sums of 16
// bits a row.
template <int kGroup, int kEnd, int C, int kStride, typename Quants>
IX_INLINE void add_groups(const Quants& low, const Quants& high, const uint8_t* x,
                          __m256i (&sums)[2][C]) {
  forget_loads();
  const __m256i w[2] = {low.template group<kGroup>(), high.template group<kGroup>()};
#pragma GCC unroll 8
  for (int c = 0; c < C; ++c) {
    const __m256i both = broadcast(x + c * kStride + 4 * kGroup);
    sums[0][c] = _mm256_add_epi16(sums[0][c], products<Quants>(w[0], both));
    sums[1][c] = _mm256_add_epi16(sums[1][c], products<Quants>(w[1], both));
    in_register(sums[0][c]);
    in_register(sums[1][c]);
  }
  if constexpr (kGroup + 1 < kEnd) add_groups<kGroup + 1, kEnd, C, kStride>(low, high, x, sums);
}

// total += words[h] × groups [kFirst, kLast) of half h, x at the sub-block's first activation.
// Words: a row's number twice.
template <int kFirst, int kLast, int C, int kStride, typename Quants>
IX_INLINE void dot_words(const Quants& low, const Quants& high, const uint8_t* x,
                         const __m256i (&words)[2], Integers<C>& total) {
  constexpr int kEnd =
      kFirst + kGroupsIn16Bits<Quants> < kLast ? kFirst + kGroupsIn16Bits<Quants> : kLast;
  Integers<C> sums;
  add_groups<kFirst, kEnd, C, kStride>(low, high, x, sums.half);
#pragma GCC unroll 8
  for (int c = 0; c < C; ++c) {
    total.half[0][c] = add_word_products(total.half[0][c], sums.half[0][c], words[0]);
    total.half[1][c] = add_word_products(total.half[1][c], sums.half[1][c], words[1]);
  }
  if constexpr (kEnd < kLast) dot_words<kEnd, kLast, C, kStride>(low, high, x, words, total);
}

// The same without words.
template <int kFirst, int kLast, int C, int kStride, typename Quants>
IX_INLINE void dot(const Quants& low, const Quants& high, const uint8_t* x, Integers<C>& total) {
  const __m256i ones = _mm256_set1_epi16(1);
  dot_words<kFirst, kLast, C, kStride>(low, high, x, {ones, ones}, total);
}

// The same with the 16 rows' scales: signed bytes, of which kMask counts.
template <int kFirst, int kLast, int C, int kStride, int kMask = 255, typename Quants>
IX_INLINE void dot_scaled(const Quants& low, const Quants& high, const uint8_t* x,
                          const uint8_t* scales, Integers<C>& total) {
  const auto words = [&](int half) {
    const __m128i bytes =
        _mm_and_si128(load_8_bytes(scales + 8 * half), _mm_set1_epi8(static_cast<char>(kMask)));
    return _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(bytes, bytes));
  };
  dot_words<kFirst, kLast, C, kStride>(low, high, x, {words(0), words(1)}, total);
}

}  // namespace
}  // namespace ix::backend::cpu
