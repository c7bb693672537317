// Tiles of the types with blocks of 256, in AVX2.
//
// Sub-blocks are multiplied with their integer scales; a block adds up to at most
// 256 · 63 · 127 · 128 < 2^28 and as much again for the offset.
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
  using Panel = typename Type::Panel;
  static constexpr int kStride = sizeof(Activation);
  static constexpr int kMaxColumns = 6;

  // -(mins · sums of the activations)
  template <int C>
  IX_INLINE static void subtract_mins(const Panel& block, const uint8_t* x, Integers<C>& below) {
#pragma GCC unroll 4
    for (int p = 0; p < 4; ++p) {
      const auto mins = [&](int h) {
        const auto* bytes = reinterpret_cast<const __m128i*>(block.mins[p][8 * h]);
        return _mm256_sub_epi16(_mm256_setzero_si256(),
                                _mm256_cvtepu8_epi16(_mm_loadu_si128(bytes)));
      };
      below.template add_pairs<kStride>(mins(0), mins(1), x + offsetof(Q8Block256, sum32) + 4 * p);
    }
  }

  template <int C>
  static void tile(const Tile& tile) {
    constexpr int kHeadBytes = sizeof(Panel) - 8 * Type::kSubBytes;
    const auto* block = reinterpret_cast<const Panel*>(tile.panel);
    const uint8_t* x = tile.x;
    Rows<C> acc;
    for (int64_t b = 0; b < tile.blocks; ++b, ++block, x += tile.block_stride) {
      const auto* bytes = reinterpret_cast<const uint8_t*>(block);
      prefetch_head<kHeadBytes, C>(bytes);
      Integers<C> integers;
      integers.to_memory();
      for (int j = 0; j < 8; ++j) {
        prefetch<Type::kSubBytes, C>(bytes + kHeadBytes + j * Type::kSubBytes);
        dot_scaled<0, 8, C, kStride>(Type::quants(*block, j, 0), Type::quants(*block, j, 32),
                                     x + 32 * j, block->scales[j], integers);
        integers.to_memory();
      }
      Integers<C> below;
      subtract_mins(*block, x, below);
      Rows<C> total;
      total.add(integers, block->d);
      total.add(below, block->dmin);
      acc.add(total, x);
    }
    acc.store(tile);
  }
};

// Types with sub-blocks of 16.
template <typename Type>
struct BlocksK16 {
  using Activation = Q8Block256;
  using Panel = typename Type::Panel;
  static constexpr int kStride = sizeof(Activation);
  static constexpr int kMaxColumns = 6;

  // Words: the scales, or the mins, of rows 8 · half … in sub-blocks 2j and 2j + 1.
  IX_INLINE static __m256i pairs_of_scales(const Panel& block, int j, int half) {
    __m128i bytes = _mm_unpacklo_epi8(load_8_bytes(block.scales[2 * j] + 8 * half),
                                      load_8_bytes(block.scales[2 * j + 1] + 8 * half));
    if constexpr (Type::kMin) {
      bytes = _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(15));
    }
    return _mm256_cvtepi8_epi16(bytes);
  }

  // -(sums of 16 activations) as words.
  IX_INLINE static __m256i minus_sums(const uint8_t* x) {
    const uint8_t* start = x + offsetof(Q8Block256, start16);
    const __m256i low = _mm256_srai_epi32(load(start), 5);
    const __m256i high = _mm256_srai_epi32(load(start + 32), 5);
    return _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
  }

  // -(scales or mins · sums of the activations)
  template <int C>
  IX_INLINE static void subtract(const Panel& block, const uint8_t* x, Integers<C>& below) {
    alignas(32) uint8_t sums[C][32];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      _mm256_store_si256(reinterpret_cast<__m256i*>(sums[c]), minus_sums(x + c * kStride));
    }
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) {
      below.template add_pairs<32>(pairs_of_scales(block, j, 0), pairs_of_scales(block, j, 1),
                                   sums[0] + 4 * j);
    }
  }

  // Mins have the upper halves of the bytes.
  static constexpr int kScaleMask = Type::kMin ? 15 : 255;

  template <int kFirst, int C>
  IX_INLINE static void sub_block(const Panel& block, int s, const uint8_t* x,
                                  Integers<C>& integers) {
    const auto* scales = reinterpret_cast<const uint8_t*>(block.scales[s]);
    dot_scaled<kFirst, kFirst + 4, C, kStride, kScaleMask>(Type::quants(block, s / 2, 0),
                                                           Type::quants(block, s / 2, 32),
                                                           x + 32 * (s / 2), scales, integers);
    integers.to_memory();
  }

  template <int C>
  static void tile(const Tile& tile) {
    constexpr int kSubBytes = (sizeof(Panel) - Type::kHeadBytes) / 8;
    const auto* block = reinterpret_cast<const Panel*>(tile.panel);
    const uint8_t* x = tile.x;
    Rows<C> acc;
    for (int64_t b = 0; b < tile.blocks; ++b, ++block, x += tile.block_stride) {
      const auto* bytes = reinterpret_cast<const uint8_t*>(block);
      prefetch_head<Type::kHeadBytes, C>(bytes);
      Integers<C> integers;
      integers.to_memory();
      for (int j = 0; j < 8; ++j) {
        prefetch<kSubBytes, C>(bytes + Type::kHeadBytes + j * kSubBytes);
        sub_block<0>(*block, 2 * j, x, integers);
        sub_block<4>(*block, 2 * j + 1, x, integers);
      }
      Integers<C> below;
      subtract(*block, x, below);
      Rows<C> total;
      if constexpr (Type::kMin) {
        total.add(below, block->dmin);
      } else {
        integers.template add_shifted<Type::kOffsetBits>(below);
      }
      total.add(integers, block->d);
      acc.add(total, x);
    }
    acc.store(tile);
  }
};

}  // namespace
}  // namespace ix::backend::cpu
