// Quants of panels and their products with activations, in AVX-512 with VNNI.
//
// A register holds 16 rows × 4 columns of weights, unsigned; vpdpbusd multiplies it with 4 signed
// activations that are broadcast from memory. A tile is one panel × C activation rows. Per
// sub-block there are C integer sums; one conversion and one FMA a sum bring them into C float
// sums.
//
// Included by matrix_avx512vnni.cc, so all of it is of internal linkage.
#pragma once

#include <immintrin.h>
#include <stddef.h>

#include "backend/cpu/kernels/matrix_tiles.h"

namespace ix::backend::cpu {
namespace {

// Activation rows of a tile: C sums, C totals or results and the weights are 2 × 12 + 8 registers;
// with the sums of two sub-blocks at a time 3 × 10 + 2.
#if defined(__SANITIZE_ADDRESS__)
// The same code; wide tiles with a check at every load compile slowly.
constexpr int kTileColumns = 4;
constexpr int kPairedColumns = 4;
#else
constexpr int kTileColumns = 12;
constexpr int kPairedColumns = 10;
#endif

IX_INLINE __m512i load(const void* p) { return _mm512_loadu_si512(p); }

IX_INLINE __m512 load_halves(const uint16_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

IX_INLINE __m512 load_bfloats(const uint16_t* p) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

IX_INLINE __m512i broadcast(const void* p) {
  int32_t value;
  __builtin_memcpy(&value, p, sizeof(value));
  return _mm512_set1_epi32(value);
}

// sum + unsigned weights × 4 activations at x; sum + 16-bit weights × 2 values at x. g++ 12 loads
// the activations into a register of their own first, which costs a tenth of the speed of wide
// tiles.
#if defined(__SANITIZE_ADDRESS__)
IX_INLINE __m512i dot_bytes(__m512i sum, __m512i w, const uint8_t* x) {
  return _mm512_dpbusd_epi32(sum, w, broadcast(x));
}
IX_INLINE __m512i dot_words(__m512i sum, __m512i w, const uint8_t* x) {
  return _mm512_dpwssd_epi32(sum, w, broadcast(x));
}
#else
struct Dword {
  int32_t value;
} __attribute__((may_alias));

IX_INLINE __m512i dot_bytes(__m512i sum, __m512i w, const uint8_t* x) {
  asm("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(w), "m"(*reinterpret_cast<const Dword*>(x)));
  return sum;
}
IX_INLINE __m512i dot_words(__m512i sum, __m512i w, const uint8_t* x) {
  asm("vpdpwssd %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(w), "m"(*reinterpret_cast<const Dword*>(x)));
  return sum;
}
#endif

// --- quants of a sub-block of 32 columns: group g of 4 columns

// Low nibbles of vector v are group 2v, high ones 2v + 1; extra are its upper bits, in place.
template <int kGroup>
IX_INLINE __m512i nibbles(const uint8_t (*low)[64]) {
  const __m512i both = load(low[kGroup / 2]);
  const __m512i mask = _mm512_set1_epi8(15);
  return _mm512_and_si512(kGroup % 2 == 0 ? both : _mm512_srli_epi16(both, 4), mask);
}

template <int kShift>  // left where positive
IX_INLINE __m512i shift(__m512i x) {
  if constexpr (kShift > 0) return _mm512_slli_epi16(x, kShift);
  if constexpr (kShift < 0) return _mm512_srli_epi16(x, -kShift);
  return x;
}

constexpr int kOrAnd = 0xf8;  // vpternlog: a | (b & c)

struct Low {
  const uint8_t (*low)[64];
  IX_INLINE explicit Low(const uint8_t (*p)[64]) : low(p) {}
  template <int kGroup>
  IX_INLINE __m512i group() const {
    return nibbles<kGroup>(low);
  }
};

struct LowAndBit {
  const uint8_t (*low)[64];
  __m512i high;
  IX_INLINE LowAndBit(const uint8_t (*p)[64], const uint8_t* bits) : low(p), high(load(bits)) {}
  template <int kGroup>
  IX_INLINE __m512i group() const {
    return _mm512_ternarylogic_epi32(nibbles<kGroup>(low), shift<4 - kGroup>(high),
                                     _mm512_set1_epi8(0x10), kOrAnd);
  }
};

struct LowAndTwoBits {
  const uint8_t (*low)[64];
  __m512i high[2];
  IX_INLINE LowAndTwoBits(const uint8_t (*p)[64], const uint8_t (*bits)[64])
      : low(p), high{load(bits[0]), load(bits[1])} {}
  template <int kGroup>
  IX_INLINE __m512i group() const {
    return _mm512_ternarylogic_epi32(nibbles<kGroup>(low),
                                     shift<4 - 2 * (kGroup % 4)>(high[kGroup / 4]),
                                     _mm512_set1_epi8(0x30), kOrAnd);
  }
};

struct Bytes {
  static constexpr int kOffsetBits = 7;
  const uint8_t (*q)[64];
  IX_INLINE explicit Bytes(const uint8_t (*p)[64]) : q(p) {}
  template <int kGroup>
  IX_INLINE __m512i group() const {
    return load(q[kGroup]);
  }
};

// Bits 2i, 2i + 1 of vector v are group 4v + i.
template <int kGroup>
IX_INLINE __m512i pairs_of_bits(const __m512i* vectors) {
  return _mm512_and_si512(shift<-2 * (kGroup % 4)>(vectors[kGroup / 4]), _mm512_set1_epi8(3));
}

struct TwoBits {
  __m512i low[2];
  IX_INLINE explicit TwoBits(const uint8_t (*p)[64]) : low{load(p[0]), load(p[1])} {}
  template <int kGroup>
  IX_INLINE __m512i group() const {
    return pairs_of_bits<kGroup>(low);
  }
};

struct TwoBitsAndBit {
  __m512i low[2];
  __m512i high;
  IX_INLINE TwoBitsAndBit(const uint8_t (*p)[64], const uint8_t* bits)
      : low{load(p[0]), load(p[1])}, high(load(bits)) {}
  template <int kGroup>
  IX_INLINE __m512i group() const {
    return _mm512_ternarylogic_epi32(pairs_of_bits<kGroup>(low), shift<2 - kGroup>(high),
                                     _mm512_set1_epi8(4), kOrAnd);
  }
};

// sums[c] += groups [kFirst, kLast) × x[c * kStride …], x at the sub-block's first activation.
template <int kFirst, int kLast, int C, int kStride, typename Quants>
IX_INLINE void dot(const Quants& quants, const uint8_t* x, __m512i* sums) {
  const __m512i w = quants.template group<kFirst>();
#pragma GCC unroll 16
  for (int c = 0; c < C; ++c) sums[c] = dot_bytes(sums[c], w, x + c * kStride + 4 * kFirst);
  if constexpr (kFirst + 1 < kLast) dot<kFirst + 1, kLast, C, kStride>(quants, x, sums);
}

template <int C>
IX_INLINE void store(const __m512* acc, const Tile& tile) {
  const auto mask = static_cast<__mmask16>((1u << tile.rows) - 1);
#pragma GCC unroll 16
  for (int c = 0; c < C; ++c) _mm512_mask_storeu_ps(tile.out + c * tile.out_stride, mask, acc[c]);
}

}  // namespace
}  // namespace ix::backend::cpu
