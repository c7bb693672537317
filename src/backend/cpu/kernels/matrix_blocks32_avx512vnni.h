// Tiles of the types with blocks of 32, in AVX-512 with VNNI.
//
// Included by matrix_avx512vnni.cc, so all of it is of internal linkage.
#pragma once

#include "backend/cpu/kernels/matrix_quants_avx512vnni.h"

namespace ix::backend::cpu {
namespace {

template <typename Type>
struct Blocks32 {
  using Activation = Q8Block32;
  static constexpr int kStride = sizeof(Activation);
  static constexpr int kMaxColumns = kTileColumns;

  template <int C>
  static void tile(const Tile& tile) {
    using Panel = typename Type::Panel;
    const auto* block = reinterpret_cast<const Panel*>(tile.panel);
    const uint8_t* x = tile.x;
    const uint8_t* next = tile.next;
    __m512 acc[C];
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) acc[c] = _mm512_setzero_ps();
    for (int64_t b = 0; b < tile.blocks; ++b, ++block) {
      prefetch_head<sizeof(Panel), C>(block);
      prefetch_column<Activation, C>(x + tile.block_stride);
      prefetch_next(next, tile.next_lines, 0, 1);
      __m512i sums[C];
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) {
        sums[c] =
            Type::kOffsetBits == 0
                ? _mm512_setzero_si512()
                : _mm512_slli_epi32(broadcast(x + c * kStride + offsetof(Q8Block32, minus_sum)),
                                    Type::kOffsetBits);
      }
      dot<0, 8, C, kStride>(Type::quants(*block), x, sums);
      const __m512 d = load_halves(block->d);
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) {
        const __m512 product = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[c]), d);
        const auto* scale = reinterpret_cast<const float*>(x + c * kStride) + 8;
        acc[c] = _mm512_fmadd_ps(product, _mm512_set1_ps(*scale), acc[c]);
      }
      if constexpr (Type::kMin) {
        const __m512 m = load_halves(block->m);
#pragma GCC unroll 16
        for (int c = 0; c < C; ++c) {
          const auto* scaled_sum = reinterpret_cast<const float*>(x + c * kStride) + 10;
          acc[c] = _mm512_fmadd_ps(m, _mm512_set1_ps(*scaled_sum), acc[c]);
        }
      }
      x += tile.block_stride;
      next += tile.block_stride;
    }
    store<C>(acc, tile);
  }
};
static_assert(offsetof(Q8Block32, scale) == 8 * sizeof(float));
static_assert(offsetof(Q8Block32, scaled_sum) == 10 * sizeof(float));

}  // namespace
}  // namespace ix::backend::cpu
