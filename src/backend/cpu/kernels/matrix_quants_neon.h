// Quants of panels and their products with activations, in NEON with I8MM, or else with the dot
// product alone.
//
// The 16 rows of a panel are four quarters: a register holds 4 rows × 4 columns of weights,
// unsigned. With I8MM two activation rows are multiplied at once: usmmla takes 2 rows × 8 columns
// of weights, which are two groups with their rows zipped, and 8 activations of each of two rows. A
// single row is multiplied by usdot with 4 activations of a lane. Without I8MM all are, by sdot:
// the quants of all types but the 8-bit ones are below 128, and those are turned into signed ones.
// Integer sums are exact, so a row's bits do not depend on which of these it took.
//
// Included by matrix_neon_*.cc, so all of it is of internal linkage.
#pragma once

#include <arm_neon.h>
#include <stddef.h>

#include "backend/cpu/kernels/matrix_tiles.h"

namespace ix::backend::cpu {
namespace {

// Activation rows of a tile: 8 sums, the weights and activations of 4 groups and the planes of
// upper bits stay in 32 registers.
constexpr int kTileColumns = 8;
constexpr int kQuarters = 4;

IX_INLINE uint8x16_t load(const uint8_t* p) { return vld1q_u8(p); }

IX_INLINE float32x4_t load_halves(const uint16_t* p) {
  return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}

IX_INLINE float32x4_t load_bfloats(const uint16_t* p) {
  return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16));
}

IX_INLINE int32x4_t broadcast(const uint8_t* p) {
  return vld1q_dup_s32(reinterpret_cast<const int32_t*>(p));
}

IX_INLINE float load_float(const uint8_t* p) { return *reinterpret_cast<const float*>(p); }

IX_INLINE uint8x8_t load_4_bytes(const void* p) {
  uint32_t four;
  __builtin_memcpy(&four, p, sizeof(four));
  return vcreate_u8(four);
}
IX_INLINE int32x4_t load_integers(const uint8_t* p) {
  return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(load_4_bytes(p)))));
}
IX_INLINE int32x4_t load_integers(const int8_t* p) {
  return vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u8(load_4_bytes(p)))));
}

// --- quants of 4 rows × a sub-block of 32 columns: group g of 4 columns
//
// Constructors take the panel's arrays and the quarter's first byte in a vector of 64.

template <int kShift>  // left where positive
IX_INLINE uint8x16_t shift(uint8x16_t x) {
  if constexpr (kShift > 0) return vshlq_n_u8(x, kShift);
  if constexpr (kShift < 0) return vshrq_n_u8(x, -kShift);
  return x;
}

// bits | (upper & mask)
IX_INLINE uint8x16_t or_masked(uint8x16_t bits, uint8x16_t upper, uint8_t mask) {
  return vorrq_u8(bits, vandq_u8(upper, vdupq_n_u8(mask)));
}

// Low nibbles of vector v are group 2v, high ones 2v + 1.
template <int kGroup>
IX_INLINE uint8x16_t nibbles(const uint8_t (*low)[64], int first) {
  const uint8x16_t both = load(low[kGroup / 2] + first);
  return kGroup % 2 == 0 ? vandq_u8(both, vdupq_n_u8(15)) : vshrq_n_u8(both, 4);
}

struct Low {
  const uint8_t (*low)[64];
  int first;
  IX_INLINE Low(const uint8_t (*p)[64], int f) : low(p), first(f) {}
  template <int kGroup>
  IX_INLINE uint8x16_t group() const {
    return nibbles<kGroup>(low, first);
  }
};

struct LowAndBit {
  const uint8_t (*low)[64];
  int first;
  uint8x16_t high;
  IX_INLINE LowAndBit(const uint8_t (*p)[64], const uint8_t* bits, int f)
      : low(p), first(f), high(load(bits + f)) {}
  template <int kGroup>
  IX_INLINE uint8x16_t group() const {
    return or_masked(nibbles<kGroup>(low, first), shift<4 - kGroup>(high), 0x10);
  }
};

struct LowAndTwoBits {
  const uint8_t (*low)[64];
  int first;
  uint8x16_t high[2];
  IX_INLINE LowAndTwoBits(const uint8_t (*p)[64], const uint8_t (*bits)[64], int f)
      : low(p), first(f), high{load(bits[0] + f), load(bits[1] + f)} {}
  template <int kGroup>
  IX_INLINE uint8x16_t group() const {
    return or_masked(nibbles<kGroup>(low, first), shift<4 - 2 * (kGroup % 4)>(high[kGroup / 4]),
                     0x30);
  }
};

// Bits 2i, 2i + 1 of vector v are group 4v + i.
template <int kGroup>
IX_INLINE uint8x16_t pairs_of_bits(const uint8x16_t* vectors) {
  return vandq_u8(shift<-2 * (kGroup % 4)>(vectors[kGroup / 4]), vdupq_n_u8(3));
}

struct TwoBits {
  uint8x16_t low[2];
  IX_INLINE TwoBits(const uint8_t (*p)[64], int f) : low{load(p[0] + f), load(p[1] + f)} {}
  template <int kGroup>
  IX_INLINE uint8x16_t group() const {
    return pairs_of_bits<kGroup>(low);
  }
};

struct TwoBitsAndBit {
  uint8x16_t low[2];
  uint8x16_t high;
  IX_INLINE TwoBitsAndBit(const uint8_t (*p)[64], const uint8_t* bits, int f)
      : low{load(p[0] + f), load(p[1] + f)}, high(load(bits + f)) {}
  template <int kGroup>
  IX_INLINE uint8x16_t group() const {
    return or_masked(pairs_of_bits<kGroup>(low), shift<2 - kGroup>(high), 4);
  }
};

struct Bytes {
  const uint8_t (*q)[64];
  int first;
  IX_INLINE Bytes(const uint8_t (*p)[64], int f) : q(p), first(f) {}
#if defined(__ARM_FEATURE_MATMUL_INT8)
  static constexpr int kOffsetBits = 7;
  template <int kGroup>
  IX_INLINE uint8x16_t group() const {
    return load(q[kGroup] + first);
  }
#else
  static constexpr int kOffsetBits = 0;  // signed, so no offset remains
  template <int kGroup>
  IX_INLINE uint8x16_t group() const {
    return veorq_u8(load(q[kGroup] + first), vdupq_n_u8(0x80));
  }
#endif
};

// --- products

// sum + 4 rows × 4 columns of weights × 4 activations, those of a lane of x
template <int kLane>
IX_INLINE int32x4_t dot_lane(int32x4_t sum, uint8x16_t w, int8x16_t x) {
#if defined(__ARM_FEATURE_MATMUL_INT8)
  return vusdotq_laneq_s32(sum, w, x, kLane);
#else
  return vdotq_laneq_s32(sum, vreinterpretq_s8_u8(w), x, kLane);
#endif
}

// The weights of 4 groups, one register a group; a single activation row at x.
IX_INLINE int32x4_t add_row(int32x4_t sum, const uint8x16_t* w, const uint8_t* x) {
  const int8x16_t row = vld1q_s8(reinterpret_cast<const int8_t*>(x));
  sum = dot_lane<0>(sum, w[0], row);
  sum = dot_lane<1>(sum, w[1], row);
  sum = dot_lane<2>(sum, w[2], row);
  return dot_lane<3>(sum, w[3], row);
}

#if defined(__ARM_FEATURE_MATMUL_INT8)
IX_INLINE uint8x16_t zip_low(uint8x16_t a, uint8x16_t b) {
  return vreinterpretq_u8_u32(vzip1q_u32(vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b)));
}
IX_INLINE uint8x16_t zip_high(uint8x16_t a, uint8x16_t b) {
  return vreinterpretq_u8_u32(vzip2q_u32(vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b)));
}

// The weights of 4 groups as [half of the 16 columns][pair of rows]: 2 rows × 8 columns.
struct RowPairs {
  uint8x16_t w[2][2];
  IX_INLINE explicit RowPairs(const uint8x16_t* groups)
      : w{{zip_low(groups[0], groups[1]), zip_high(groups[0], groups[1])},
          {zip_low(groups[2], groups[3]), zip_high(groups[2], groups[3])}} {}
};

// Activation rows at a and b; squares: [pair of rows] (row 0 · a, row 0 · b, row 1 · a, row 1 · b)
IX_INLINE void add_two_rows(int32x4_t* squares, const RowPairs& pairs, const uint8_t* a,
                            const uint8_t* b) {
  const int64x2_t x0 = vreinterpretq_s64_u8(load(a));
  const int64x2_t x1 = vreinterpretq_s64_u8(load(b));
  const int8x16_t x[2] = {vreinterpretq_s8_s64(vzip1q_s64(x0, x1)),
                          vreinterpretq_s8_s64(vzip2q_s64(x0, x1))};
#pragma GCC unroll 2
  for (int half = 0; half < 2; ++half) {
    squares[0] = vusmmlaq_s32(squares[0], pairs.w[half][0], x[half]);
    squares[1] = vusmmlaq_s32(squares[1], pairs.w[half][1], x[half]);
  }
}

constexpr bool kPairsRows = true;
#else
constexpr bool kPairsRows = false;
#endif

// Adds groups [kFirst, kLast), 4 at a time, to products: one an activation row or, where rows are
// multiplied in pairs, the squares of two rows each and a last row's own.
template <int kFirst, int kLast, int C, int kStride, typename Quants>
IX_INLINE void add_products(const Quants& quants, const uint8_t* x, int32x4_t* products) {
  const uint8x16_t w[4] = {quants.template group<kFirst>(), quants.template group<kFirst + 1>(),
                           quants.template group<kFirst + 2>(),
                           quants.template group<kFirst + 3>()};
  const uint8_t* first = x + 4 * kFirst;
#if defined(__ARM_FEATURE_MATMUL_INT8)
  const RowPairs pairs(w);
#pragma GCC unroll 8
  for (int c = 0; c + 1 < C; c += 2) {
    add_two_rows(products + c, pairs, first + c * kStride, first + (c + 1) * kStride);
  }
#endif
#pragma GCC unroll 8
  for (int c = kPairsRows ? C / 2 * 2 : 0; c < C; ++c) {
    products[c] = add_row(products[c], w, first + c * kStride);
  }
  if constexpr (kFirst + 4 < kLast) {
    add_products<kFirst + 4, kLast, C, kStride>(quants, x, products);
  }
}

// sums[c] += groups [kFirst, kLast) × x[c * kStride …], x at the sub-block's first activation.
template <int kFirst, int kLast, int C, int kStride, typename Quants>
IX_INLINE void dot(const Quants& quants, const uint8_t* x, int32x4_t* sums) {
  int32x4_t products[C];
#pragma GCC unroll 8
  for (int c = 0; c < C; ++c) products[c] = vdupq_n_s32(0);
  add_products<kFirst, kLast, C, kStride>(quants, x, products);
  if constexpr (kPairsRows) {
#pragma GCC unroll 8
    for (int c = 0; c + 1 < C; c += 2) {
      const int32x4_t even = vuzp1q_s32(products[c], products[c + 1]);
      products[c + 1] = vuzp2q_s32(products[c], products[c + 1]);
      products[c] = even;
    }
  }
#pragma GCC unroll 8
  for (int c = 0; c < C; ++c) sums[c] = vaddq_s32(sums[c], products[c]);
}

// --- results

// C results of 16 rows, in four quarters.
template <int C>
struct Rows {
  float32x4_t quarter[kQuarters][C];

  IX_INLINE Rows() {
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
#pragma GCC unroll 4
      for (int i = 0; i < kQuarters; ++i) quarter[i][c] = vdupq_n_f32(0.0f);
    }
  }

  // Rows [0, rows) to out.
  IX_INLINE void store(const Tile& tile) const {
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      float all[kPanelRows];
      float* out = tile.out + c * tile.out_stride;
      float* to = tile.rows == kPanelRows ? out : all;
#pragma GCC unroll 4
      for (int i = 0; i < kQuarters; ++i) vst1q_f32(to + 4 * i, quarter[i][c]);
      if (to == all) {
        for (int64_t row = 0; row < tile.rows; ++row) out[row] = all[row];
      }
    }
  }
};

}  // namespace
}  // namespace ix::backend::cpu
