// Tiles of weights of 16 bits with float activations, in NEON.
//
// Included by matrix_neon_*.cc, so all of it is of internal linkage.
#pragma once

#include "backend/cpu/kernels/matrix_quants_neon.h"

namespace ix::backend::cpu {
namespace {

template <typename Type>
struct Floats {
  using Activation = F32Block32;
  using Panel = typename Type::Panel;
  static constexpr int kFloats = sizeof(Activation) / sizeof(float);
  // 24 sums, the weights of a column of 16 rows and a broadcast: 29 registers.
  static constexpr int kMaxColumns = 6;

  template <int C>
  static void tile(const Tile& tile) {
    const auto* block = reinterpret_cast<const Panel*>(tile.panel);
    const uint8_t* x = tile.x;
    Rows<C> acc;
    for (int64_t b = 0; b < tile.blocks; ++b, ++block, x += tile.block_stride) {
      prefetch<sizeof(Panel), C>(block);
      const auto* floats = reinterpret_cast<const float*>(x);
      for (int k = 0; k < kFloats; ++k) {
#pragma GCC unroll 4
        for (int i = 0; i < kQuarters; ++i) {
          const float32x4_t w = Type::widen(block->w[k] + 4 * i);
#pragma GCC unroll 8
          for (int c = 0; c < C; ++c) {
            acc.quarter[i][c] = vfmaq_n_f32(acc.quarter[i][c], w, floats[c * kFloats + k]);
          }
        }
      }
    }
    acc.store(tile);
  }
};

}  // namespace
}  // namespace ix::backend::cpu
