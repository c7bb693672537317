// Quants of panels and their products with activations, in AVX2.
//
// The 16 rows of a panel are two registers of 8 rows × 4 columns. vpmaddubsw multiplies unsigned
// weights with signed activations and adds pairs into 16 bits, with saturation; the sums below stay
// under 32768 (activations are at most 127):
//   2 and 3 bits: a pair is at most 2 · 7 · 127 = 1778, a sub-block of 16 has 4 groups (7112);
//   4 bits: a pair is at most 2 · 15 · 127 = 3810, so all 8 groups of a sub-block fit (30480);
//   5 bits: 2 · 31 · 127 = 7874, 4 groups fit (31496);
//   6 bits: 2 · 63 · 127 = 16002, 2 groups fit (32004);
//   8 bits: |w| ≤ 128 with the sign moved to the activation: 2 · 128 · 127 = 32512, 1 group fits.
//
// Included by matrix_avx2.cc, so all of it is of internal linkage.
#pragma once

#include <immintrin.h>
#include <stddef.h>

#include "backend/cpu/kernels/matrix_tiles.h"

namespace ix::backend::cpu {
namespace {

IX_INLINE __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

IX_INLINE __m256 load_halves(const uint16_t* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

IX_INLINE __m256 load_bfloats(const uint16_t* p) {
  const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}

IX_INLINE __m256i broadcast(const void* p) {
  int32_t value;
  __builtin_memcpy(&value, p, sizeof(value));
  return _mm256_set1_epi32(value);
}

// Between the two halves of the rows: the compiler would else keep what it broadcast for the first
// for the second, in more registers than there are.
IX_INLINE void forget_broadcasts() { asm volatile("" ::: "memory"); }

template <int kShift>  // left where positive
IX_INLINE __m256i shift(__m256i x) {
  if constexpr (kShift > 0) return _mm256_slli_epi16(x, kShift);
  if constexpr (kShift < 0) return _mm256_srli_epi16(x, -kShift);
  return x;
}

// --- quants of 8 rows × a sub-block of 32 columns: group g of 4 columns
//
// Constructors take the panel's arrays; `half` is 0 for rows 0..7, 32 for rows 8..15. kGroups:
// groups whose products may be added in 16 bits.

template <int kGroup>
IX_INLINE __m256i nibbles(const uint8_t (*low)[64], int half) {
  const __m256i both = load(low[kGroup / 2] + half);
  return _mm256_and_si256(kGroup % 2 == 0 ? both : _mm256_srli_epi16(both, 4),
                          _mm256_set1_epi8(15));
}

struct Low {
  static constexpr int kGroups = 8;
  const uint8_t (*low)[64];
  int half;
  IX_INLINE Low(const uint8_t (*p)[64], int h) : low(p), half(h) {}
  template <int kGroup>
  IX_INLINE __m256i group() const {
    return nibbles<kGroup>(low, half);
  }
  IX_INLINE static __m256i products(__m256i w, __m256i x) { return _mm256_maddubs_epi16(w, x); }
};

struct LowAndBit {
  static constexpr int kGroups = 4;
  const uint8_t (*low)[64];
  int half;
  __m256i high;
  IX_INLINE LowAndBit(const uint8_t (*p)[64], const uint8_t* bits, int h)
      : low(p), half(h), high(load(bits + h)) {}
  template <int kGroup>
  IX_INLINE __m256i group() const {
    return _mm256_or_si256(nibbles<kGroup>(low, half),
                           _mm256_and_si256(shift<4 - kGroup>(high), _mm256_set1_epi8(0x10)));
  }
  IX_INLINE static __m256i products(__m256i w, __m256i x) { return _mm256_maddubs_epi16(w, x); }
};

struct LowAndTwoBits {
  static constexpr int kGroups = 2;
  const uint8_t (*low)[64];
  int half;
  __m256i high[2];
  IX_INLINE LowAndTwoBits(const uint8_t (*p)[64], const uint8_t (*bits)[64], int h)
      : low(p), half(h), high{load(bits[0] + h), load(bits[1] + h)} {}
  template <int kGroup>
  IX_INLINE __m256i group() const {
    return _mm256_or_si256(
        nibbles<kGroup>(low, half),
        _mm256_and_si256(shift<4 - 2 * (kGroup % 4)>(high[kGroup / 4]), _mm256_set1_epi8(0x30)));
  }
  IX_INLINE static __m256i products(__m256i w, __m256i x) { return _mm256_maddubs_epi16(w, x); }
};

// Bits 2i, 2i + 1 of vector v are group 4v + i.
template <int kGroup>
IX_INLINE __m256i pairs_of_bits(const __m256i* vectors) {
  return _mm256_and_si256(shift<-2 * (kGroup % 4)>(vectors[kGroup / 4]), _mm256_set1_epi8(3));
}

struct TwoBits {
  static constexpr int kGroups = 4;
  __m256i low[2];
  IX_INLINE TwoBits(const uint8_t (*p)[64], int h) : low{load(p[0] + h), load(p[1] + h)} {}
  template <int kGroup>
  IX_INLINE __m256i group() const {
    return pairs_of_bits<kGroup>(low);
  }
  IX_INLINE static __m256i products(__m256i w, __m256i x) { return _mm256_maddubs_epi16(w, x); }
};

struct TwoBitsAndBit {
  static constexpr int kGroups = 4;
  __m256i low[2];
  __m256i high;
  IX_INLINE TwoBitsAndBit(const uint8_t (*p)[64], const uint8_t* bits, int h)
      : low{load(p[0] + h), load(p[1] + h)}, high(load(bits + h)) {}
  template <int kGroup>
  IX_INLINE __m256i group() const {
    return _mm256_or_si256(pairs_of_bits<kGroup>(low),
                           _mm256_and_si256(shift<2 - kGroup>(high), _mm256_set1_epi8(4)));
  }
  IX_INLINE static __m256i products(__m256i w, __m256i x) { return _mm256_maddubs_epi16(w, x); }
};

// Signed: no offset remains.
struct Bytes {
  static constexpr int kOffsetBits = 0;
  static constexpr int kGroups = 1;
  const uint8_t (*q)[64];
  int half;
  IX_INLINE Bytes(const uint8_t (*p)[64], int h) : q(p), half(h) {}
  template <int kGroup>
  IX_INLINE __m256i group() const {
    return _mm256_xor_si256(load(q[kGroup] + half), _mm256_set1_epi8(-128));
  }
  IX_INLINE static __m256i products(__m256i w, __m256i x) {
    return _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
  }
};

// Adds the 16-bit sums of kGroups groups from kGroup on.
template <int kGroup, int kCount, int C, int kStride, typename Quants>
IX_INLINE void add_products(const Quants& quants, const uint8_t* x, __m256i* sums16) {
  const __m256i w = quants.template group<kGroup>();
#pragma GCC unroll 8
  for (int c = 0; c < C; ++c) {
    const __m256i product = Quants::products(w, broadcast(x + c * kStride + 4 * kGroup));
    sums16[c] = _mm256_add_epi16(sums16[c], product);
  }
  if constexpr (kCount > 1) add_products<kGroup + 1, kCount - 1, C, kStride>(quants, x, sums16);
}

// sums[c] += groups [kFirst, kLast) × x[c * kStride …], x at the sub-block's first activation.
template <int kFirst, int kLast, int C, int kStride, typename Quants>
IX_INLINE void dot(const Quants& quants, const uint8_t* x, __m256i* sums) {
  __m256i sums16[C];
#pragma GCC unroll 8
  for (int c = 0; c < C; ++c) sums16[c] = _mm256_setzero_si256();
  add_products<kFirst, Quants::kGroups, C, kStride>(quants, x, sums16);
#pragma GCC unroll 8
  for (int c = 0; c < C; ++c) {
    sums[c] = _mm256_add_epi32(sums[c], _mm256_madd_epi16(sums16[c], _mm256_set1_epi16(1)));
  }
  if constexpr (kFirst + Quants::kGroups < kLast) {
    dot<kFirst + Quants::kGroups, kLast, C, kStride>(quants, x, sums);
  }
}

// C results of 16 rows, in two halves.
template <int C>
struct Rows {
  __m256 half[2][C];

  IX_INLINE Rows() {
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) half[0][c] = half[1][c] = _mm256_setzero_ps();
  }

  // += the activations' scales × total
  IX_INLINE void add(const Rows& total, const uint8_t* x) {
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      const auto* scale =
          reinterpret_cast<const float*>(x + c * sizeof(Q8Block256) + offsetof(Q8Block256, scale));
      const __m256 factor = _mm256_broadcast_ss(scale);
      half[0][c] = _mm256_fmadd_ps(total.half[0][c], factor, half[0][c]);
      half[1][c] = _mm256_fmadd_ps(total.half[1][c], factor, half[1][c]);
    }
  }

  // Rows [0, rows) to out.
  IX_INLINE void store(const Tile& tile) const {
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i count = _mm256_set1_epi32(static_cast<int>(tile.rows));
    const __m256i low = _mm256_cmpgt_epi32(count, index);
    const __m256i high = _mm256_cmpgt_epi32(count, _mm256_add_epi32(index, _mm256_set1_epi32(8)));
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      _mm256_maskstore_ps(tile.out + c * tile.out_stride, low, half[0][c]);
      _mm256_maskstore_ps(tile.out + c * tile.out_stride + 8, high, half[1][c]);
    }
  }
};

}  // namespace
}  // namespace ix::backend::cpu
