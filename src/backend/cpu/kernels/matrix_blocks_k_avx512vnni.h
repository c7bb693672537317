// Tiles of the types with blocks of 256, in AVX-512 with VNNI.
//
// Included by matrix_avx512vnni.cc, so all of it is of internal linkage.
#pragma once

#include "backend/cpu/kernels/matrix_quants_avx512vnni.h"

namespace ix::backend::cpu {
namespace {

const float* block_scale(const uint8_t* x) {
  return reinterpret_cast<const float*>(x + offsetof(Q8Block256, scale));
}

template <typename Type>
struct BlocksK {
  using Activation = Q8Block256;
  static constexpr int kStride = sizeof(Activation);
  static constexpr int kMaxColumns = kTileColumns;

  // total[c] = -dmin × (mins · sums of the activations)
  template <int C>
  IX_INLINE static void begin(const typename Type::Panel& block, const uint8_t* x, __m512* total) {
    __m512i below[C];
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) below[c] = _mm512_setzero_si512();
#pragma GCC unroll 4
    for (int p = 0; p < 4; ++p) {
      const __m512i mins =
          _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(block.mins[p])));
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) {
        below[c] = dot_words(below[c], mins, x + c * kStride + offsetof(Q8Block256, sum32) + 4 * p);
      }
    }
    const __m512 minus_dmin = _mm512_sub_ps(_mm512_setzero_ps(), load_halves(block.dmin));
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) {
      total[c] = _mm512_mul_ps(_mm512_cvtepi32_ps(below[c]), minus_dmin);
    }
  }

  template <int C>
  static void tile(const Tile& tile) {
    using Panel = typename Type::Panel;
    constexpr int kHeadBytes = sizeof(Panel) - 8 * Type::kSubBytes;
    const auto* block = reinterpret_cast<const Panel*>(tile.panel);
    const uint8_t* x = tile.x;
    const uint8_t* next = tile.next;
    __m512 acc[C];
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) acc[c] = _mm512_setzero_ps();
    for (int64_t b = 0; b < tile.blocks; ++b, ++block) {
      const auto* bytes = reinterpret_cast<const uint8_t*>(block);
      prefetch<kHeadBytes>(bytes);
      __m512 total[C];
      begin<C>(*block, x, total);
      const __m512 d = load_halves(block->d);
      for (int j = 0; j < 8; ++j) {
        prefetch<Type::kSubBytes>(bytes + kHeadBytes + j * Type::kSubBytes);
        prefetch_next(next, tile.next_lines, j, 8);
        __m512i sums[C];
#pragma GCC unroll 16
        for (int c = 0; c < C; ++c) sums[c] = _mm512_setzero_si512();
        dot<0, 8, C, kStride>(Type::quants(*block, j), x + 32 * j, sums);
        const __m512i integers = _mm512_cvtepu8_epi32(
            _mm_loadu_si128(reinterpret_cast<const __m128i*>(block->scales[j])));
        const __m512 scale = _mm512_mul_ps(_mm512_cvtepi32_ps(integers), d);
#pragma GCC unroll 16
        for (int c = 0; c < C; ++c) {
          total[c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[c]), scale, total[c]);
        }
      }
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) {
        acc[c] = _mm512_fmadd_ps(total[c], _mm512_set1_ps(*block_scale(x + c * kStride)), acc[c]);
      }
      x += tile.block_stride;
      next += tile.block_stride;
    }
    store<C>(acc, tile);
  }
};

struct BlocksQ6K {
  using Activation = Q8Block256;
  static constexpr int kStride = sizeof(Activation);
  static constexpr int kMaxColumns = kTileColumns;

  // total[c] += scale × groups [kFirst, kFirst + 4), of sub-block s of 16 columns
  template <int kFirst, int C>
  IX_INLINE static void half(const LowAndTwoBits& quants, const PanelQ6_K& block, int s,
                             const uint8_t* x, __m512 d, __m512* total) {
    __m512i sums[C];
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) {  // offset 32
      sums[c] = _mm512_slli_epi32(
          broadcast(x + c * kStride + offsetof(Q8Block256, minus_sum16) + 4 * s), 5);
    }
    dot<kFirst, kFirst + 4, C, kStride>(quants, x + 16 * (s - kFirst / 4), sums);
    const __m512i integers =
        _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block.scales[s])));
    const __m512 scale = _mm512_mul_ps(_mm512_cvtepi32_ps(integers), d);
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) {
      total[c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[c]), scale, total[c]);
    }
  }

  template <int C>
  static void tile(const Tile& tile) {
    constexpr int kHeadBytes = sizeof(PanelQ6_K::d) + sizeof(PanelQ6_K::scales);
    constexpr int kSubBytes = (sizeof(PanelQ6_K) - kHeadBytes) / 8;
    const auto* block = reinterpret_cast<const PanelQ6_K*>(tile.panel);
    const uint8_t* x = tile.x;
    const uint8_t* next = tile.next;
    __m512 acc[C];
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) acc[c] = _mm512_setzero_ps();
    for (int64_t b = 0; b < tile.blocks; ++b, ++block) {
      const auto* bytes = reinterpret_cast<const uint8_t*>(block);
      prefetch<kHeadBytes>(bytes);
      const __m512 d = load_halves(block->d);
      __m512 total[C];
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) total[c] = _mm512_setzero_ps();
      for (int j = 0; j < 8; ++j) {
        prefetch<kSubBytes>(bytes + kHeadBytes + j * kSubBytes);
        prefetch_next(next, tile.next_lines, j, 8);
        const LowAndTwoBits quants(block->sub[j].low, block->sub[j].high);
        half<0, C>(quants, *block, 2 * j, x, d, total);
        half<4, C>(quants, *block, 2 * j + 1, x, d, total);
      }
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) {
        acc[c] = _mm512_fmadd_ps(total[c], _mm512_set1_ps(*block_scale(x + c * kStride)), acc[c]);
      }
      x += tile.block_stride;
      next += tile.block_stride;
    }
    store<C>(acc, tile);
  }
};

}  // namespace
}  // namespace ix::backend::cpu
