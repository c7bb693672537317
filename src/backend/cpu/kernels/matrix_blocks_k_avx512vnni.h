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
      prefetch<kHeadBytes, C>(bytes);
      __m512 total[C];
      begin<C>(*block, x, total);
      const __m512 d = load_halves(block->d);
      for (int j = 0; j < 8; ++j) {
        prefetch<Type::kSubBytes, C>(bytes + kHeadBytes + j * Type::kSubBytes);
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

// Types with sub-blocks of 16 whose integer sums fit 16 bits (at most 16 · 4 · 127 = 8128): they
// are multiplied with the integer scales and added up over the block, at most 16 · 8128 · 32 <
// 2^23, which a float holds exactly.
template <typename Type>
struct BlocksK16 {
  using Activation = Q8Block256;
  using Panel = typename Type::Panel;
  static constexpr int kStride = sizeof(Activation);
  static constexpr int kMaxColumns = kTileColumns;

  // [row] 8 bits to the lower half of a dword; the upper half is zero, so that vpdpwssd multiplies
  // with the lower half of a sum alone.
  IX_INLINE static __m512i words(__m128i bytes) {
    return _mm512_cvtepu16_epi32(_mm256_cvtepi8_epi16(bytes));
  }
  IX_INLINE static __m128i load_scales(const Panel& block, int s) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(block.scales[s]));
  }

  // total[c] += scale × groups [kFirst, kFirst + 4), of sub-block s of 16 columns
  template <int kFirst, int C, typename Quants>
  IX_INLINE static void half(const Quants& quants, const Panel& block, int s, const uint8_t* x,
                             __m512i* total) {
    __m512i sums[C];
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) {
      sums[c] = Type::kOffsetBits == 0
                    ? _mm512_setzero_si512()
                    : _mm512_slli_epi32(
                          broadcast(x + c * kStride + offsetof(Q8Block256, minus_sum16) + 4 * s),
                          Type::kOffsetBits);
    }
    dot<kFirst, kFirst + 4, C, kStride>(quants, x + 16 * (s - kFirst / 4), sums);
    const __m128i bytes = load_scales(block, s);
    const __m512i scale = words(Type::kMin ? _mm_and_si128(bytes, _mm_set1_epi8(15)) : bytes);
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) total[c] = _mm512_dpwssd_epi32(total[c], sums[c], scale);
  }

  // total[c] -= dmin × (mins · sums of the activations)
  template <int C>
  IX_INLINE static void subtract_mins(const Panel& block, const uint8_t* x, __m512* total) {
    __m512i minus_below[C];
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) minus_below[c] = _mm512_setzero_si512();
    for (int s = 0; s < 16; ++s) {
      const __m128i high = _mm_srli_epi16(load_scales(block, s), 4);
      const __m512i mins = words(_mm_and_si128(high, _mm_set1_epi8(15)));
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) {
        minus_below[c] = dot_words(minus_below[c], mins,
                                   x + c * kStride + offsetof(Q8Block256, minus_sum16) + 4 * s);
      }
    }
    const __m512 dmin = load_halves(block.dmin);
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) {
      total[c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(minus_below[c]), dmin, total[c]);
    }
  }

  template <int C>
  static void tile(const Tile& tile) {
    constexpr int kSubBytes = (sizeof(Panel) - Type::kHeadBytes) / 8;
    const auto* block = reinterpret_cast<const Panel*>(tile.panel);
    const uint8_t* x = tile.x;
    const uint8_t* next = tile.next;
    __m512 acc[C];
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) acc[c] = _mm512_setzero_ps();
    for (int64_t b = 0; b < tile.blocks; ++b, ++block) {
      const auto* bytes = reinterpret_cast<const uint8_t*>(block);
      prefetch<Type::kHeadBytes, C>(bytes);
      __m512i integers[C];
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) integers[c] = _mm512_setzero_si512();
      for (int j = 0; j < 8; ++j) {
        prefetch<kSubBytes, C>(bytes + Type::kHeadBytes + j * kSubBytes);
        prefetch_next(next, tile.next_lines, j, 8);
        const auto quants = Type::quants(*block, j);
        half<0, C>(quants, *block, 2 * j, x, integers);
        half<4, C>(quants, *block, 2 * j + 1, x, integers);
      }
      const __m512 d = load_halves(block->d);
      __m512 total[C];
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) total[c] = _mm512_mul_ps(_mm512_cvtepi32_ps(integers[c]), d);
      if constexpr (Type::kMin) subtract_mins<C>(*block, x, total);
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
      prefetch<kHeadBytes, C>(bytes);
      const __m512 d = load_halves(block->d);
      __m512 total[C];
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) total[c] = _mm512_setzero_ps();
      for (int j = 0; j < 8; ++j) {
        prefetch<kSubBytes, C>(bytes + kHeadBytes + j * kSubBytes);
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
