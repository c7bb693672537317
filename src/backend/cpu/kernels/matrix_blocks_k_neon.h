// Tiles of the types with blocks of 256, in NEON.
//
// Included by matrix_neon_*.cc, so all of it is of internal linkage.
#pragma once

#include "backend/cpu/kernels/matrix_quants_neon.h"

namespace ix::backend::cpu {
namespace {

// Four times -(sum of 16 consecutive activations)
IX_INLINE int32x4_t minus_sums_of_16(const uint8_t* x, int s) {
  return vshrq_n_s32(broadcast(x + offsetof(Q8Block256, start16) + 4 * s), 5);
}

// total[c] += scale × sums[c]
template <int C>
IX_INLINE void add_scaled(const int32x4_t* sums, float32x4_t scale, float32x4_t* total) {
#pragma GCC unroll 8
  for (int c = 0; c < C; ++c) total[c] = vfmaq_f32(total[c], vcvtq_f32_s32(sums[c]), scale);
}

// acc += the activations' scales × total
template <int C>
IX_INLINE void add_blocks(const Rows<C>& total, const uint8_t* x, Rows<C>* acc) {
#pragma GCC unroll 8
  for (int c = 0; c < C; ++c) {
    const float scale = load_float(x + c * sizeof(Q8Block256) + offsetof(Q8Block256, scale));
#pragma GCC unroll 4
    for (int i = 0; i < kQuarters; ++i) {
      acc->quarter[i][c] = vfmaq_n_f32(acc->quarter[i][c], total.quarter[i][c], scale);
    }
  }
}

template <typename Type>
struct BlocksK {
  using Activation = Q8Block256;
  static constexpr int kStride = sizeof(Activation);
  static constexpr int kMaxColumns = kTileColumns;

  // total[c] = -dmin × (mins · sums of the activations)
  template <int C>
  IX_INLINE static void begin(const typename Type::Panel& block, int quarter, const uint8_t* x,
                              float32x4_t* total) {
    int32x4_t below[C][2];  // rows 0, 1 and 2, 3: the two sub-blocks of a pair each
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) below[c][0] = below[c][1] = vdupq_n_s32(0);
#pragma GCC unroll 4
    for (int p = 0; p < 4; ++p) {
      const int16x8_t mins = vreinterpretq_s16_u16(vmovl_u8(vld1_u8(block.mins[p][4 * quarter])));
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) {
        const int16x8_t sums =
            vreinterpretq_s16_s32(broadcast(x + c * kStride + offsetof(Q8Block256, sum32) + 4 * p));
        below[c][0] = vmlal_s16(below[c][0], vget_low_s16(mins), vget_low_s16(sums));
        below[c][1] = vmlal_high_s16(below[c][1], mins, sums);
      }
    }
    const float32x4_t minus_dmin = vnegq_f32(load_halves(block.dmin + 4 * quarter));
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      total[c] = vmulq_f32(vcvtq_f32_s32(vpaddq_s32(below[c][0], below[c][1])), minus_dmin);
    }
  }

  // total[c] += scale × sub-block j
  template <int C>
  IX_INLINE static void add_quarter(const typename Type::Panel& block, int j, int quarter,
                                    const uint8_t* x, float32x4_t* total) {
    int32x4_t sums[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) sums[c] = vdupq_n_s32(0);
    dot<0, 8, C, kStride>(Type::quants(block, j, 16 * quarter), x + 32 * j, sums);
    const int32x4_t integers = load_integers(block.scales[j] + 4 * quarter);
    const float32x4_t d = load_halves(block.d + 4 * quarter);
    add_scaled<C>(sums, vmulq_f32(vcvtq_f32_s32(integers), d), total);
  }

  template <int C>
  static void tile(const Tile& tile) {
    using Panel = typename Type::Panel;
    constexpr int kHeadBytes = sizeof(Panel) - 8 * Type::kSubBytes;
    const auto* block = reinterpret_cast<const Panel*>(tile.panel);
    const uint8_t* x = tile.x;
    Rows<C> acc;
    for (int64_t b = 0; b < tile.blocks; ++b, ++block, x += tile.block_stride) {
      const auto* bytes = reinterpret_cast<const uint8_t*>(block);
      prefetch_head<kHeadBytes, C>(bytes);
      Rows<C> total;
      for (int i = 0; i < kQuarters; ++i) begin<C>(*block, i, x, total.quarter[i]);
      for (int j = 0; j < 8; ++j) {
        prefetch<Type::kSubBytes, C>(bytes + kHeadBytes + j * Type::kSubBytes);
        for (int i = 0; i < kQuarters; ++i) add_quarter<C>(*block, j, i, x, total.quarter[i]);
      }
      add_blocks<C>(total, x, &acc);
    }
    acc.store(tile);
  }
};

// Types with sub-blocks of 16 and small quants: their integer sums (at most 16 · 4 · 127 = 8128)
// are multiplied with the integer scales and added up over the block, at most 16 · 8128 · 32 <
// 2^23, which a float holds exactly.
template <typename Type>
struct BlocksK16 {
  using Activation = Q8Block256;
  using Panel = typename Type::Panel;
  static constexpr int kStride = sizeof(Activation);
  static constexpr int kMaxColumns = kTileColumns;

  // total[c] += scale × groups [kFirst, kFirst + 4), of sub-block s of 16 columns
  template <int kFirst, int C, typename Quants>
  IX_INLINE static void sub_block(const Quants& quants, const Panel& block, int s, int quarter,
                                  const uint8_t* x, int32x4_t* total) {
    int32x4_t sums[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      sums[c] = Type::kOffsetBits == 0
                    ? vdupq_n_s32(0)
                    : vshlq_n_s32(minus_sums_of_16(x + c * kStride, s), Type::kOffsetBits);
    }
    dot<kFirst, kFirst + 4, C, kStride>(quants, x + 16 * (s - kFirst / 4), sums);
    int32x4_t scale = load_integers(block.scales[s] + 4 * quarter);
    if constexpr (Type::kMin) scale = vandq_s32(scale, vdupq_n_s32(15));
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) total[c] = vmlaq_s32(total[c], sums[c], scale);
  }

  template <int C>
  IX_INLINE static void add_quarter(const Panel& block, int j, int quarter, const uint8_t* x,
                                    int32x4_t* total) {
    const auto quants = Type::quants(block, j, 16 * quarter);
    sub_block<0, C>(quants, block, 2 * j, quarter, x, total);
    sub_block<4, C>(quants, block, 2 * j + 1, quarter, x, total);
  }

  // total[c] -= dmin × (mins · sums of the activations)
  template <int C>
  IX_INLINE static void subtract_mins(const Panel& block, int quarter, const uint8_t* x,
                                      float32x4_t* total) {
    int32x4_t minus_below[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) minus_below[c] = vdupq_n_s32(0);
    for (int s = 0; s < 16; ++s) {
      const int32x4_t mins = vshrq_n_s32(load_integers(block.scales[s] + 4 * quarter), 4);
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) {
        minus_below[c] = vmlaq_s32(minus_below[c], mins, minus_sums_of_16(x + c * kStride, s));
      }
    }
    add_scaled<C>(minus_below, load_halves(block.dmin + 4 * quarter), total);
  }

  // total[c] = block × activations
  template <int C>
  IX_INLINE static void finish(const Panel& block, int quarter, const uint8_t* x,
                               const int32x4_t* integers, float32x4_t* total) {
    const float32x4_t d = load_halves(block.d + 4 * quarter);
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) total[c] = vmulq_f32(vcvtq_f32_s32(integers[c]), d);
    if constexpr (Type::kMin) subtract_mins<C>(block, quarter, x, total);
  }

  template <int C>
  static void tile(const Tile& tile) {
    constexpr int kSubBytes = (sizeof(Panel) - Type::kHeadBytes) / 8;
    const auto* block = reinterpret_cast<const Panel*>(tile.panel);
    const uint8_t* x = tile.x;
    Rows<C> acc;
    for (int64_t b = 0; b < tile.blocks; ++b, ++block, x += tile.block_stride) {
      const auto* bytes = reinterpret_cast<const uint8_t*>(block);
      prefetch_head<Type::kHeadBytes, C>(bytes);
      int32x4_t integers[kQuarters][C] = {};
      for (int j = 0; j < 8; ++j) {
        prefetch<kSubBytes, C>(bytes + Type::kHeadBytes + j * kSubBytes);
        for (int i = 0; i < kQuarters; ++i) add_quarter<C>(*block, j, i, x, integers[i]);
      }
      Rows<C> total;
      for (int i = 0; i < kQuarters; ++i) finish<C>(*block, i, x, integers[i], total.quarter[i]);
      add_blocks<C>(total, x, &acc);
    }
    acc.store(tile);
  }
};

struct BlocksQ6K {
  using Activation = Q8Block256;
  static constexpr int kStride = sizeof(Activation);
  static constexpr int kMaxColumns = kTileColumns;

  // total[c] += scale × groups [kFirst, kFirst + 4), of sub-block s of 16 columns
  template <int kFirst, int C>
  IX_INLINE static void sub_block(const LowAndTwoBits& quants, const PanelQ6_K& block, int s,
                                  int quarter, const uint8_t* x, float32x4_t d,
                                  float32x4_t* total) {
    int32x4_t sums[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {  // offset 32
      sums[c] = vshlq_n_s32(minus_sums_of_16(x + c * kStride, s), 5);
    }
    dot<kFirst, kFirst + 4, C, kStride>(quants, x + 16 * (s - kFirst / 4), sums);
    const int32x4_t integers = load_integers(block.scales[s] + 4 * quarter);
    add_scaled<C>(sums, vmulq_f32(vcvtq_f32_s32(integers), d), total);
  }

  // total[c] += scales × sub-blocks 2j and 2j + 1
  template <int C>
  IX_INLINE static void add_quarter(const PanelQ6_K& block, int j, int quarter, const uint8_t* x,
                                    float32x4_t* total) {
    const LowAndTwoBits quants(block.sub[j].low, block.sub[j].high, 16 * quarter);
    const float32x4_t d = load_halves(block.d + 4 * quarter);
    sub_block<0, C>(quants, block, 2 * j, quarter, x, d, total);
    sub_block<4, C>(quants, block, 2 * j + 1, quarter, x, d, total);
  }

  template <int C>
  static void tile(const Tile& tile) {
    constexpr int kHeadBytes = sizeof(PanelQ6_K::d) + sizeof(PanelQ6_K::scales);
    constexpr int kSubBytes = (sizeof(PanelQ6_K) - kHeadBytes) / 8;
    const auto* block = reinterpret_cast<const PanelQ6_K*>(tile.panel);
    const uint8_t* x = tile.x;
    Rows<C> acc;
    for (int64_t b = 0; b < tile.blocks; ++b, ++block, x += tile.block_stride) {
      const auto* bytes = reinterpret_cast<const uint8_t*>(block);
      prefetch_head<kHeadBytes, C>(bytes);
      Rows<C> total;
      for (int j = 0; j < 8; ++j) {
        prefetch<kSubBytes, C>(bytes + kHeadBytes + j * kSubBytes);
        for (int i = 0; i < kQuarters; ++i) add_quarter<C>(*block, j, i, x, total.quarter[i]);
      }
      add_blocks<C>(total, x, &acc);
    }
    acc.store(tile);
  }
};

}  // namespace
}  // namespace ix::backend::cpu
