// Tiles of weights of 16 bits with float activations, in AVX2.
//
// Included by matrix_avx2.cc and matrix_avx2vnni.cc, so all of it is of
// internal linkage.
#pragma once

#include "backend/cpu/kernels/matrix_quants_avx2.h"

namespace ix::backend::cpu {
namespace {

template <typename Type>
struct Floats {
  using Activation = F32Block32;
  using Panel = typename Type::Panel;
  static constexpr int kFloats = sizeof(Activation) / sizeof(float);
  // 12 sums, the weights and a broadcast: 15 registers.
  static constexpr int kMaxColumns = 6;

  template <int C>
  static void tile(const Tile& tile) {
    const auto* block = reinterpret_cast<const Panel*>(tile.panel);
    const uint8_t* x = tile.x;
    Rows<C> acc;
    for (int64_t b = 0; b < tile.blocks; ++b, ++block, x += tile.block_stride) {
      prefetch<sizeof(Panel), C>(block);
      const auto* floats = reinterpret_cast<const float*>(x);
#pragma GCC unroll 4
      for (int k = 0; k < kFloats; ++k) {
        const __m256 low = Type::widen(block->w[k]);
        const __m256 high = Type::widen(block->w[k] + 8);
#pragma GCC unroll 8
        for (int c = 0; c < C; ++c) {
          const __m256 factor = _mm256_broadcast_ss(floats + c * kFloats + k);
          acc.half[0][c] = _mm256_fmadd_ps(low, factor, acc.half[0][c]);
          acc.half[1][c] = _mm256_fmadd_ps(high, factor, acc.half[1][c]);
        }
      }
    }
    acc.store(tile);
  }
};

}  // namespace
}  // namespace ix::backend::cpu
