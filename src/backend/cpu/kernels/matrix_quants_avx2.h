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

IX_INLINE __m128i load_8_bytes(const void* p) {
  return _mm_loadl_epi64(static_cast<const __m128i*>(p));
}

IX_INLINE __m256i broadcast(const void* p) {
  int32_t value;
  __builtin_memcpy(&value, p, sizeof(value));
  return _mm256_set1_epi32(value);
}

// The compiler would else keep what it has loaded, in more registers than there are.
IX_INLINE void forget_loads() { asm volatile("" ::: "memory"); }

// A sum so far: the compiler would else leave many products for later, in memory.
IX_INLINE void in_register(__m256i& sum) { asm("" : "+x"(sum)); }

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

// sum + the products of pairs of words: see matrix_dot_NAME.h
IX_INLINE __m256i add_word_products(__m256i sum, __m256i a, __m256i b);

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
  const uint8_t* high;
  int half;
  IX_INLINE LowAndBit(const uint8_t (*p)[64], const uint8_t* bits, int h)
      : low(p), high(bits), half(h) {}
  template <int kGroup>
  IX_INLINE __m256i group() const {
    return _mm256_or_si256(
        nibbles<kGroup>(low, half),
        _mm256_and_si256(shift<4 - kGroup>(load(high + half)), _mm256_set1_epi8(0x10)));
  }
};

struct LowAndTwoBits {
  static constexpr int kBits = 6;
  const uint8_t (*low)[64];
  const uint8_t (*high)[64];
  int half;
  IX_INLINE LowAndTwoBits(const uint8_t (*p)[64], const uint8_t (*bits)[64], int h)
      : low(p), high(bits), half(h) {}
  template <int kGroup>
  IX_INLINE __m256i group() const {
    return _mm256_or_si256(
        nibbles<kGroup>(low, half),
        _mm256_and_si256(shift<4 - 2 * (kGroup % 4)>(load(high[kGroup / 4] + half)),
                         _mm256_set1_epi8(0x30)));
  }
};

// Bits 2i, 2i + 1 of vector v are group 4v + i.
template <int kGroup>
IX_INLINE __m256i pairs_of_bits(const uint8_t (*low)[64], int half) {
  return _mm256_and_si256(shift<-2 * (kGroup % 4)>(load(low[kGroup / 4] + half)),
                          _mm256_set1_epi8(3));
}

struct TwoBits {
  static constexpr int kBits = 2;
  const uint8_t (*low)[64];
  int half;
  IX_INLINE TwoBits(const uint8_t (*p)[64], int h) : low(p), half(h) {}
  template <int kGroup>
  IX_INLINE __m256i group() const {
    return pairs_of_bits<kGroup>(low, half);
  }
};

struct TwoBitsAndBit {
  static constexpr int kBits = 3;
  const uint8_t (*low)[64];
  const uint8_t* high;
  int half;
  IX_INLINE TwoBitsAndBit(const uint8_t (*p)[64], const uint8_t* bits, int h)
      : low(p), high(bits), half(h) {}
  template <int kGroup>
  IX_INLINE __m256i group() const {
    return _mm256_or_si256(
        pairs_of_bits<kGroup>(low, half),
        _mm256_and_si256(shift<2 - kGroup>(load(high + half)), _mm256_set1_epi8(4)));
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

// Integers of 16 rows × C columns, in two halves.
template <int C>
struct Integers {
  __m256i half[2][C];

  IX_INLINE Integers() {
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) half[0][c] = half[1][c] = _mm256_setzero_si256();
  }
  // Leaves the registers to the sums of a sub-block, where there are not enough for both.
  IX_INLINE void to_memory() {
    if constexpr (C > 3) asm volatile("" : "+m"(half));
  }

  // Half h of column c += words of half h × the pair of words at pairs + c * kStride
  template <int kStride>
  IX_INLINE void add_pairs(__m256i words0, __m256i words1, const uint8_t* pairs) {
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      const __m256i pair = broadcast(pairs + c * kStride);
      half[0][c] = add_word_products(half[0][c], words0, pair);
      half[1][c] = add_word_products(half[1][c], words1, pair);
    }
  }

  // += other × 2^kBits
  template <int kBits>
  IX_INLINE void add_shifted(const Integers& other) {
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      half[0][c] = _mm256_add_epi32(half[0][c], _mm256_slli_epi32(other.half[0][c], kBits));
      half[1][c] = _mm256_add_epi32(half[1][c], _mm256_slli_epi32(other.half[1][c], kBits));
    }
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

  // += integers × the 16 rows' scales
  IX_INLINE void add(const Integers<C>& integers, const uint16_t* scales) {
#pragma GCC unroll 2
    for (int h = 0; h < 2; ++h) {
      const __m256 scale = load_halves(scales + 8 * h);
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) {
        half[h][c] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(integers.half[h][c]), scale, half[h][c]);
      }
    }
  }

  // += total × the activations' scales
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
