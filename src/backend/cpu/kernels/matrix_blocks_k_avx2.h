// Tiles of the types with blocks of 256, in AVX2.
//
// Included by matrix_avx2.cc and matrix_avx2vnni.cc, after their dot products, so all of it is of
// internal linkage.
#pragma once

#include "backend/cpu/kernels/matrix_quants_avx2.h"

namespace ix::backend::cpu {
namespace {

template <typename Type>
struct BlocksK {
  using Activation = Q8Block256;
  static constexpr int kStride = sizeof(Activation);
  static constexpr int kMaxColumns = 4;

  // total[c] = -dmin × (mins · sums of the activations)
  template <int C>
  IX_INLINE static void begin(const typename Type::Panel& block, int half, const uint8_t* x,
                              __m256* total) {
    __m256i below[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) below[c] = _mm256_setzero_si256();
#pragma GCC unroll 4
    for (int p = 0; p < 4; ++p) {
      const __m256i mins = _mm256_cvtepu8_epi16(
          _mm_loadu_si128(reinterpret_cast<const __m128i*>(block.mins[p][8 * half])));
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) {
        const __m256i sums = broadcast(x + c * kStride + offsetof(Q8Block256, sum32) + 4 * p);
        below[c] = add_word_products(below[c], mins, sums);
      }
    }
    const __m256 minus_dmin =
        _mm256_sub_ps(_mm256_setzero_ps(), load_halves(block.dmin + 8 * half));
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      total[c] = _mm256_mul_ps(_mm256_cvtepi32_ps(below[c]), minus_dmin);
    }
  }

  // total[c] += scale × sub-block j
  template <int C>
  IX_INLINE static void sub_block(const typename Type::Panel& block, int j, int half,
                                  const uint8_t* x, __m256 d, __m256* total) {
    __m256i sums[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) sums[c] = _mm256_setzero_si256();
    dot<0, 8, C, kStride>(Type::quants(block, j, 32 * half), x + 32 * j, sums);
    const __m256i integers = _mm256_cvtepu8_epi32(
        _mm_loadl_epi64(reinterpret_cast<const __m128i*>(block.scales[j] + 8 * half)));
    const __m256 scale = _mm256_mul_ps(_mm256_cvtepi32_ps(integers), d);
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      total[c] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums[c]), scale, total[c]);
    }
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
      prefetch<kHeadBytes, C>(bytes);
      Rows<C> total;
      begin<C>(*block, 0, x, total.half[0]);
      forget_broadcasts();
      begin<C>(*block, 1, x, total.half[1]);
      const __m256 d[2] = {load_halves(block->d), load_halves(block->d + 8)};
      for (int j = 0; j < 8; ++j) {
        prefetch<Type::kSubBytes, C>(bytes + kHeadBytes + j * Type::kSubBytes);
        sub_block<C>(*block, j, 0, x, d[0], total.half[0]);
        forget_broadcasts();
        sub_block<C>(*block, j, 1, x, d[1], total.half[1]);
      }
      acc.add(total, x);
    }
    acc.store(tile);
  }
};

// Eight times -(sum of 16 consecutive activations)
IX_INLINE __m256i minus_sums_of_16(const uint8_t* x, int s) {
  return _mm256_srai_epi32(broadcast(x + offsetof(Q8Block256, start16) + 4 * s), 5);
}

// Types with sub-blocks of 16 whose integer sums fit 16 bits (at most 16 · 4 · 127 = 8128): they
// are multiplied with the integer scales and added up over the block, at most 16 · 8128 · 32 <
// 2^23, which a float holds exactly.
template <typename Type>
struct BlocksK16 {
  using Activation = Q8Block256;
  using Panel = typename Type::Panel;
  static constexpr int kStride = sizeof(Activation);
  static constexpr int kMaxColumns = 4;

  IX_INLINE static __m128i load_scales(const Panel& block, int s, int half) {
    return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(block.scales[s] + 8 * half));
  }

  // total[c] += scale × groups [kFirst, kFirst + 4), of sub-block s of 16 columns
  template <int kFirst, int C, typename Quants>
  IX_INLINE static void sub_block(const Quants& quants, const Panel& block, int s, int half,
                                  const uint8_t* x, __m256i* total) {
    __m256i sums[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      sums[c] = Type::kOffsetBits == 0
                    ? _mm256_setzero_si256()
                    : offset_share<Type::kOffsetBits>(minus_sums_of_16(x + c * kStride, s));
    }
    add_groups<kFirst, 4, C, kStride>(quants, x + 16 * (s - kFirst / 4), sums);
    __m128i bytes = load_scales(block, s, half);
    if constexpr (Type::kMin) bytes = _mm_and_si128(bytes, _mm_set1_epi8(15));
    const __m256i scale = words_of_scales(bytes);
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      total[c] = add_word_products(total[c], sums[c], scale);
    }
  }

  // total[c] -= dmin × (mins · sums of the activations)
  template <int C>
  IX_INLINE static void subtract_mins(const Panel& block, int half, const uint8_t* x,
                                      __m256* total) {
    __m256i minus_below[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) minus_below[c] = _mm256_setzero_si256();
    for (int s = 0; s < 16; ++s) {
      // The upper half of each dword is zero: the product is with the lower half of a sum alone.
      const __m256i mins = _mm256_srli_epi32(_mm256_cvtepu8_epi32(load_scales(block, s, half)), 4);
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) {
        const __m256i sums = minus_sums_of_16(x + c * kStride, s);
        minus_below[c] = add_word_products(minus_below[c], mins, sums);
      }
    }
    const __m256 dmin = load_halves(block.dmin + 8 * half);
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      total[c] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(minus_below[c]), dmin, total[c]);
    }
  }

  // total[c] = block × activations
  template <int C>
  IX_INLINE static void block_half(const Panel& block, int half, const uint8_t* x,
                                   const __m256i* integers, __m256* total) {
    const __m256 d = load_halves(block.d + 8 * half);
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) total[c] = _mm256_mul_ps(_mm256_cvtepi32_ps(integers[c]), d);
    if constexpr (Type::kMin) subtract_mins<C>(block, half, x, total);
  }

  template <int C>
  IX_INLINE static void sub_blocks(const Panel& block, int j, int half, const uint8_t* x,
                                   __m256i* integers) {
    const auto quants = Type::quants(block, j, 32 * half);
    sub_block<0, C>(quants, block, 2 * j, half, x, integers);
    sub_block<4, C>(quants, block, 2 * j + 1, half, x, integers);
  }

  template <int C>
  static void tile(const Tile& tile) {
    constexpr int kSubBytes = (sizeof(Panel) - Type::kHeadBytes) / 8;
    const auto* block = reinterpret_cast<const Panel*>(tile.panel);
    const uint8_t* x = tile.x;
    Rows<C> acc;
    for (int64_t b = 0; b < tile.blocks; ++b, ++block, x += tile.block_stride) {
      const auto* bytes = reinterpret_cast<const uint8_t*>(block);
      prefetch<Type::kHeadBytes, C>(bytes);
      __m256i integers[2][C];
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) integers[0][c] = integers[1][c] = _mm256_setzero_si256();
      for (int j = 0; j < 8; ++j) {
        prefetch<kSubBytes, C>(bytes + Type::kHeadBytes + j * kSubBytes);
        sub_blocks<C>(*block, j, 0, x, integers[0]);
        forget_broadcasts();
        sub_blocks<C>(*block, j, 1, x, integers[1]);
      }
      Rows<C> total;
      block_half<C>(*block, 0, x, integers[0], total.half[0]);
      forget_broadcasts();
      block_half<C>(*block, 1, x, integers[1], total.half[1]);
      acc.add(total, x);
    }
    acc.store(tile);
  }
};

struct BlocksQ6K {
  using Activation = Q8Block256;
  static constexpr int kStride = sizeof(Activation);
  static constexpr int kMaxColumns = 4;

  // total[c] += scale × groups [kFirst, kFirst + 4), of sub-block s of 16 columns
  template <int kFirst, int C>
  IX_INLINE static void sub_block(const LowAndTwoBits& quants, const int8_t* scales, int s,
                                  const uint8_t* x, __m256 d, __m256* total) {
    __m256i sums[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {  // offset 32
      sums[c] = _mm256_slli_epi32(minus_sums_of_16(x + c * kStride, s), 5);
    }
    dot<kFirst, kFirst + 4, C, kStride>(quants, x + 16 * (s - kFirst / 4), sums);
    const __m256i integers =
        _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(scales)));
    const __m256 scale = _mm256_mul_ps(_mm256_cvtepi32_ps(integers), d);
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      total[c] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums[c]), scale, total[c]);
    }
  }

  // total[c] += scales × sub-blocks 2j and 2j + 1
  template <int C>
  IX_INLINE static void sub_blocks(const PanelQ6_K& block, int j, int half, const uint8_t* x,
                                   __m256 d, __m256* total) {
    const LowAndTwoBits quants(block.sub[j].low, block.sub[j].high, 32 * half);
    const int8_t* scales = block.scales[2 * j] + 8 * half;
    sub_block<0, C>(quants, scales, 2 * j, x, d, total);
    sub_block<4, C>(quants, scales + kPanelRows, 2 * j + 1, x, d, total);
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
      prefetch<kHeadBytes, C>(bytes);
      Rows<C> total;
      const __m256 d[2] = {load_halves(block->d), load_halves(block->d + 8)};
      for (int j = 0; j < 8; ++j) {
        prefetch<kSubBytes, C>(bytes + kHeadBytes + j * kSubBytes);
        sub_blocks<C>(*block, j, 0, x, d[0], total.half[0]);
        forget_broadcasts();
        sub_blocks<C>(*block, j, 1, x, d[1], total.half[1]);
      }
      acc.add(total, x);
    }
    acc.store(tile);
  }
};

}  // namespace
}  // namespace ix::backend::cpu
