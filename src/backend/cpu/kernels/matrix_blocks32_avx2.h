// Tiles of the types with blocks of 32, in AVX2.
//
// Included by matrix_avx2.cc and matrix_avx2vnni.cc, after their dot products, so all of it is of
// internal linkage.
#pragma once

#include "backend/cpu/kernels/matrix_quants_avx2.h"

namespace ix::backend::cpu {
namespace {

template <typename Type>
struct Blocks32 {
  using Activation = Q8Block32;
  using Panel = typename Type::Panel;
  static constexpr int kStride = sizeof(Activation);
  // Products of 8 bits take more registers.
  static constexpr int kMaxColumns = decltype(Type::quants(Panel{}, 0))::kBits == 8 ? 4 : 6;

  template <int C>
  IX_INLINE static void add_block(const Panel& block, const uint8_t* x, Rows<C>& acc) {
    Integers<C> sums;
    if constexpr (Type::kOffsetBits != 0) {
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) {
        const __m256i minus_sum = broadcast(x + c * kStride + offsetof(Q8Block32, minus_sum));
        sums.half[0][c] = sums.half[1][c] = _mm256_slli_epi32(minus_sum, Type::kOffsetBits);
      }
    }
    dot<0, 8, C, kStride>(Type::quants(block, 0), Type::quants(block, 32), x, sums);
#pragma GCC unroll 2
    for (int h = 0; h < 2; ++h) {
      const __m256 d = load_halves(block.d + 8 * h);
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) {
        const __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(sums.half[h][c]), d);
        const auto* scale = reinterpret_cast<const float*>(x + c * kStride) + 8;
        acc.half[h][c] = _mm256_fmadd_ps(product, _mm256_broadcast_ss(scale), acc.half[h][c]);
        if constexpr (Type::kMin) {
          const auto* scaled_sum = reinterpret_cast<const float*>(x + c * kStride) + 10;
          acc.half[h][c] = _mm256_fmadd_ps(load_halves(block.m + 8 * h),
                                           _mm256_broadcast_ss(scaled_sum), acc.half[h][c]);
        }
      }
    }
  }

  template <int C>
  static void tile(const Tile& tile) {
    const auto* block = reinterpret_cast<const Panel*>(tile.panel);
    const uint8_t* x = tile.x;
    Rows<C> acc;
    for (int64_t b = 0; b < tile.blocks; ++b, ++block, x += tile.block_stride) {
      prefetch<sizeof(*block), C>(block);
      add_block(*block, x, acc);
    }
    acc.store(tile);
  }
};
static_assert(offsetof(Q8Block32, scale) == 8 * sizeof(float));
static_assert(offsetof(Q8Block32, scaled_sum) == 10 * sizeof(float));

}  // namespace
}  // namespace ix::backend::cpu
