// Tiles of the types with blocks of 32, in NEON.
//
// Included by matrix_neon_*.cc, so all of it is of internal linkage.
#pragma once

#include "backend/cpu/kernels/matrix_quants_neon.h"

namespace ix::backend::cpu {
namespace {

template <typename Type>
struct Blocks32 {
  using Activation = Q8Block32;
  static constexpr int kStride = sizeof(Activation);
  static constexpr int kMaxColumns = kTileColumns;

  template <int C>
  IX_INLINE static void add_quarter(const typename Type::Panel& block, int quarter,
                                    const uint8_t* x, float32x4_t* acc) {
    int32x4_t sums[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      sums[c] = Type::kOffsetBits == 0
                    ? vdupq_n_s32(0)
                    : vshlq_n_s32(broadcast(x + c * kStride + offsetof(Q8Block32, minus_sum)),
                                  Type::kOffsetBits);
    }
    dot<0, 8, C, kStride>(Type::quants(block, 16 * quarter), x, sums);
    const float32x4_t d = load_halves(block.d + 4 * quarter);
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      const float32x4_t product = vmulq_f32(vcvtq_f32_s32(sums[c]), d);
      const float scale = load_float(x + c * kStride + offsetof(Q8Block32, scale));
      acc[c] = vfmaq_n_f32(acc[c], product, scale);
    }
    if constexpr (Type::kMin) {
      const float32x4_t m = load_halves(block.m + 4 * quarter);
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) {
        const float scaled_sum = load_float(x + c * kStride + offsetof(Q8Block32, scaled_sum));
        acc[c] = vfmaq_n_f32(acc[c], m, scaled_sum);
      }
    }
  }

  template <int C>
  static void tile(const Tile& tile) {
    const auto* block = reinterpret_cast<const typename Type::Panel*>(tile.panel);
    const uint8_t* x = tile.x;
    Rows<C> acc;
    for (int64_t b = 0; b < tile.blocks; ++b, ++block, x += tile.block_stride) {
      prefetch<sizeof(*block), C>(block);
      for (int i = 0; i < kQuarters; ++i) add_quarter<C>(*block, i, x, acc.quarter[i]);
    }
    acc.store(tile);
  }
};

}  // namespace
}  // namespace ix::backend::cpu
