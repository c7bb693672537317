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
  static constexpr int kStride = sizeof(Activation);
  // 4 sums of 16 bits, 4 of 32, 4 results, the weights, a broadcast and constants: 16 registers.
  static constexpr int kMaxColumns = 4;

  template <int C>
  IX_INLINE static void block_half(const typename Type::Panel& block, int half, const uint8_t* x,
                                   __m256* acc) {
    __m256i sums[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      sums[c] = Type::kOffsetBits == 0
                    ? _mm256_setzero_si256()
                    : _mm256_slli_epi32(broadcast(x + c * kStride + offsetof(Q8Block32, minus_sum)),
                                        Type::kOffsetBits);
    }
    dot<0, 8, C, kStride>(Type::quants(block, 32 * half), x, sums);
    const __m256 d = load_halves(block.d + 8 * half);
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      const __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[c]), d);
      const auto* scale = reinterpret_cast<const float*>(x + c * kStride) + 8;
      acc[c] = _mm256_fmadd_ps(product, _mm256_broadcast_ss(scale), acc[c]);
    }
    if constexpr (Type::kMin) {
      const __m256 m = load_halves(block.m + 8 * half);
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) {
        const auto* scaled_sum = reinterpret_cast<const float*>(x + c * kStride) + 10;
        acc[c] = _mm256_fmadd_ps(m, _mm256_broadcast_ss(scaled_sum), acc[c]);
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
      block_half<C>(*block, 0, x, acc.half[0]);
      forget_broadcasts();
      block_half<C>(*block, 1, x, acc.half[1]);
    }
    acc.store(tile);
  }
};
static_assert(offsetof(Q8Block32, scale) == 8 * sizeof(float));
static_assert(offsetof(Q8Block32, scaled_sum) == 10 * sizeof(float));

}  // namespace
}  // namespace ix::backend::cpu
