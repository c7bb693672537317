// Quants of panels as AVX2 registers, and results of 16 rows.
//
// The 16 rows of a panel are two registers of 8 rows × 4 columns.
//
// Included by matrix_avx2.cc and matrix_avx2vnni.cc, so all of it is of internal linkage.
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
// Constructors take the panel's arrays; `half` is 0 for rows 0..7, 32 for rows 8..15. kBits: of the
// quants, unsigned.

template <int kGroup>
IX_INLINE __m256i nibbles(const uint8_t (*low)[64], int half) {
  const __m256i both = load(low[kGroup / 2] + half);
  return _mm256_and_si256(kGroup % 2 == 0 ? both : _mm256_srli_epi16(both, 4),
                          _mm256_set1_epi8(15));
}

struct Low {
  static constexpr int kBits = 4;
  const uint8_t (*low)[64];
  int half;
  IX_INLINE Low(const uint8_t (*p)[64], int h) : low(p), half(h) {}
  template <int kGroup>
  IX_INLINE __m256i group() const {
    return nibbles<kGroup>(low, half);
  }
};

struct LowAndBit {
  static constexpr int kBits = 5;
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
};

struct LowAndTwoBits {
  static constexpr int kBits = 6;
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
};

// Bits 2i, 2i + 1 of vector v are group 4v + i.
template <int kGroup>
IX_INLINE __m256i pairs_of_bits(const __m256i* vectors) {
  return _mm256_and_si256(shift<-2 * (kGroup % 4)>(vectors[kGroup / 4]), _mm256_set1_epi8(3));
}

struct TwoBits {
  static constexpr int kBits = 2;
  __m256i low[2];
  IX_INLINE TwoBits(const uint8_t (*p)[64], int h) : low{load(p[0] + h), load(p[1] + h)} {}
  template <int kGroup>
  IX_INLINE __m256i group() const {
    return pairs_of_bits<kGroup>(low);
  }
};

struct TwoBitsAndBit {
  static constexpr int kBits = 3;
  __m256i low[2];
  __m256i high;
  IX_INLINE TwoBitsAndBit(const uint8_t (*p)[64], const uint8_t* bits, int h)
      : low{load(p[0] + h), load(p[1] + h)}, high(load(bits + h)) {}
  template <int kGroup>
  IX_INLINE __m256i group() const {
    return _mm256_or_si256(pairs_of_bits<kGroup>(low),
                           _mm256_and_si256(shift<2 - kGroup>(high), _mm256_set1_epi8(4)));
  }
};

struct UnsignedBytes {
  static constexpr int kBits = 8;
  const uint8_t (*q)[64];
  int half;
  IX_INLINE UnsignedBytes(const uint8_t (*p)[64], int h) : q(p), half(h) {}
  template <int kGroup>
  IX_INLINE __m256i group() const {
    return load(q[kGroup] + half);
  }
};

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
