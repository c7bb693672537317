// Tiles of weights of 16 bits with float activations, in AVX-512.
//
// Included by matrix_avx512vnni.cc, so all of it is of internal linkage.
#pragma once

#include "backend/cpu/kernels/matrix_quants_avx512vnni.h"

namespace ix::backend::cpu {
namespace {

template <typename Type>
struct Floats {
  using Activation = F32Block32;
  using Panel = typename Type::Panel;
  static constexpr int kFloats = sizeof(Activation) / sizeof(float);
  static constexpr int kMaxColumns = kTileColumns;

  // Two sums an activation row, of the even and the odd columns of weights: one alone would leave a
  // tile of one row waiting for its FMA, 4 cycles for 32 bytes of weights. 2 × 12 registers.
  template <int C>
  static void tile(const Tile& tile) {
    const auto* block = reinterpret_cast<const Panel*>(tile.panel);
    const uint8_t* x = tile.x;
    const uint8_t* next = tile.next;
    __m512 even[C];
    __m512 odd[C];
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) even[c] = odd[c] = _mm512_setzero_ps();
    for (int64_t b = 0; b < tile.blocks; ++b, ++block) {
      prefetch<sizeof(Panel), C>(block);
      prefetch_next(next, tile.next_lines, 0, 1);
      const auto* floats = reinterpret_cast<const float*>(x);
      for (int k = 0; k < kFloats; k += 2) {
        const __m512 w0 = Type::widen(block->w[k]);
        const __m512 w1 = Type::widen(block->w[k + 1]);
#pragma GCC unroll 16
        for (int c = 0; c < C; ++c) {
          even[c] = _mm512_fmadd_ps(w0, _mm512_set1_ps(floats[c * kFloats + k]), even[c]);
        }
#pragma GCC unroll 16
        for (int c = 0; c < C; ++c) {
          odd[c] = _mm512_fmadd_ps(w1, _mm512_set1_ps(floats[c * kFloats + k + 1]), odd[c]);
        }
      }
      x += tile.block_stride;
      next += tile.block_stride;
    }
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) even[c] = _mm512_add_ps(even[c], odd[c]);
    store<C>(even, tile);
  }
};

}  // namespace
}  // namespace ix::backend::cpu
