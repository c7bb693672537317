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

// Integer sums of two sub-blocks, without their last kDrop bits, as the two words of a dword: one
// vpdpwssd multiplies both with their scales, where two FMAs would take the multipliers that the
// dot products need. Even sums start at 2^(kDrop - 1) - 1 and odd ones at 2^(kDrop - 1), so that
// what the dropped bits hold is nothing on average; the rounding of 32 activations to 8 bits leaves
// some 30 times as much noise.
//
// Where kWhole, those bits are multiplied apart and the result is the integer as it is, for sets
// whose other kernels reach it in another way.
template <int kDrop, bool kWhole>
struct WordPairs {
  static constexpr bool kTwice = kWhole && kDrop > 0;
  static constexpr int kEvenStart = kWhole || kDrop == 0 ? 0 : (1 << kDrop) / 2 - 1;
  static constexpr int kOddStart = kWhole ? 0 : (1 << kDrop) / 2;
  static constexpr float kUnit = kWhole ? 1 : 1 << kDrop;  // what an integer of the sums is worth
  // The columns of a tile: C integers, even and odd sums, and two registers more; and what takes
  // the sums apart.
  static constexpr int kMaxColumns = kTwice && kPairedColumns > 8 ? 8 : kPairedColumns;

  // integers + even × lower words of scales + odd × upper words
  IX_INLINE static __m512i add(__m512i integers, __m512i even, __m512i odd, __m512i scales) {
    if constexpr (kTwice) {
      integers = _mm512_dpwssd_epi32(integers, join(even, odd), _mm512_slli_epi16(scales, kDrop));
      return _mm512_dpwssd_epi32(integers, dropped(even, odd), scales);
    }
    return _mm512_dpwssd_epi32(integers, join(even, odd), scales);
  }

  // The lower word of each dword of the result is that of `even`, the upper one that of `odd`.
  IX_INLINE static __m512i join(__m512i even, __m512i odd) {
    return _mm512_mask_mov_epi16(_mm512_srli_epi32(even, kDrop), 0xaaaaaaaa,
                                 _mm512_slli_epi32(odd, 16 - kDrop));
  }
  // What join() leaves out.
  IX_INLINE static __m512i dropped(__m512i even, __m512i odd) {
    return _mm512_and_si512(_mm512_mask_mov_epi16(even, 0xaaaaaaaa, _mm512_slli_epi32(odd, 16)),
                            _mm512_set1_epi16((1 << kDrop) - 1));
  }
};

template <typename Type, bool kWhole = false>
struct BlocksK {
  using Activation = Q8Block256;
  using Panel = typename Type::Panel;
  using Words = WordPairs<Type::kDropBits, kWhole>;
  static constexpr int kStride = sizeof(Activation);
  static constexpr int kMaxColumns = Words::kMaxColumns;

  // acc[c] += x scale × (d × kUnit × integers - dmin × (mins · sums of the activations))
  template <int C>
  IX_INLINE static void finish(const Panel& block, const uint8_t* x, const __m512i* integers,
                               __m512* acc) {
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
    const __m512 d = _mm512_mul_ps(load_halves(block.d), _mm512_set1_ps(Words::kUnit));
    const __m512 dmin = load_halves(block.dmin);
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) {
      __m512 total = _mm512_mul_ps(_mm512_cvtepi32_ps(integers[c]), d);
      total = _mm512_fnmadd_ps(_mm512_cvtepi32_ps(below[c]), dmin, total);
      acc[c] = _mm512_fmadd_ps(total, _mm512_set1_ps(*block_scale(x + c * kStride)), acc[c]);
    }
  }

  template <int C>
  static void tile(const Tile& tile) {
    constexpr int kHeadBytes = sizeof(Panel) - 8 * Type::kSubBytes;
    const auto* block = reinterpret_cast<const Panel*>(tile.panel);
    const uint8_t* x = tile.x;
    const uint8_t* next = tile.next;
    __m512 acc[C];
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) acc[c] = _mm512_setzero_ps();
    for (int64_t b = 0; b < tile.blocks; ++b, ++block) {
      const auto* bytes = reinterpret_cast<const uint8_t*>(block);
      prefetch_head<kHeadBytes, C>(bytes);
      prefetch_column<Activation, C>(x + tile.block_stride);
      __m512i integers[C];
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) integers[c] = _mm512_setzero_si512();
      for (int j = 0; j < 8; j += 2) {
        prefetch<2 * Type::kSubBytes, C>(bytes + kHeadBytes + j * Type::kSubBytes);
        prefetch_next(next, tile.next_lines, j / 2, 4);
        __m512i even[C];
        __m512i odd[C];
#pragma GCC unroll 16
        for (int c = 0; c < C; ++c) even[c] = _mm512_set1_epi32(Words::kEvenStart);
        dot<0, 8, C, kStride>(Type::quants(*block, j), x + 32 * j, even);
#pragma GCC unroll 16
        for (int c = 0; c < C; ++c) odd[c] = _mm512_set1_epi32(Words::kOddStart);
        dot<0, 8, C, kStride>(Type::quants(*block, j + 1), x + 32 * (j + 1), odd);
        const __m512i scales = scale_pairs(block->scales[j]);
#pragma GCC unroll 16
        for (int c = 0; c < C; ++c) {
          integers[c] = Words::add(integers[c], even[c], odd[c], scales);
        }
      }
      finish<C>(*block, x, integers, acc);
      x += tile.block_stride;
      next += tile.block_stride;
    }
    store<C>(acc, tile);
  }

  // Dword i: scales of row i in two neighbouring sub-blocks, 16 rows each from p on.
  IX_INLINE static __m512i scale_pairs(const uint8_t* p) {
    const __m512i even = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    const __m512i odd =
        _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 16)));
    return _mm512_or_si512(even, _mm512_slli_epi32(odd, 16));
  }
};

// Types with sub-blocks of 16, which are multiplied in pairs: the two of a sub-block of 32. Sums of
// Q2_K and Q3_K fit 16 bits as they are (16 * 4 * 127 = 8128).
template <typename Type, bool kWhole = false>
struct BlocksK16 {
  using Activation = Q8Block256;
  using Panel = typename Type::Panel;
  using Words = WordPairs<Type::kDropBits, kWhole>;
  static constexpr int kStride = sizeof(Activation);
  static constexpr int kMaxColumns = Words::kMaxColumns;

  // Dword i: 8-bit numbers of row i, sign-extended, of two neighbouring sub-blocks.
  IX_INLINE static __m512i words(__m128i even, __m128i odd) {
    return _mm512_mask_mov_epi16(_mm512_cvtepi8_epi32(even), 0xaaaaaaaa,
                                 _mm512_slli_epi32(_mm512_cvtepi8_epi32(odd), 16));
  }
  IX_INLINE static __m128i load_scales(const Panel& block, int s) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(block.scales[s]));
  }
  IX_INLINE static __m128i low_nibbles(__m128i bytes) {
    return _mm_and_si128(bytes, _mm_set1_epi8(15));
  }

  // -offset × (sum of 16 consecutive activations); with the start of WordPairs where that is Q6_K's
  IX_INLINE static __m512i start(const uint8_t* x, int s) {
    if constexpr (Type::kOffsetBits == 0) return _mm512_setzero_si512();
    const __m512i start16 = broadcast(x + offsetof(Q8Block256, start16) + 4 * s);
    if constexpr (Type::kOffsetBits == 5 && kWhole) {
      return _mm512_and_si512(start16, _mm512_set1_epi32(-32));
    }
    if constexpr (Type::kOffsetBits == 5) return start16;
    return _mm512_srai_epi32(start16, 5 - Type::kOffsetBits);
  }

  // sums[c] = groups [kFirst, kFirst + 4), of sub-block s of 16 columns, without offset
  template <int kFirst, int C, typename Quants>
  IX_INLINE static void half(const Quants& quants, int s, const uint8_t* x, __m512i* sums) {
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) sums[c] = start(x + c * kStride, s);
    dot<kFirst, kFirst + 4, C, kStride>(quants, x + 16 * (s - kFirst / 4), sums);
  }

  // total[c] -= dmin × (mins · sums of the activations)
  template <int C>
  IX_INLINE static void subtract_mins(const Panel& block, const uint8_t* x, __m512* total) {
    __m512i minus_below[C];
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) minus_below[c] = _mm512_setzero_si512();
    for (int s = 0; s < 16; ++s) {
      const __m128i high = low_nibbles(_mm_srli_epi16(load_scales(block, s), 4));
      const __m512i mins = _mm512_cvtepu8_epi32(high);
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) {
        const __m512i minus_sum = _mm512_srai_epi32(
            broadcast(x + c * kStride + offsetof(Q8Block256, start16) + 4 * s), 5);
        minus_below[c] = _mm512_dpwssd_epi32(minus_below[c], mins, minus_sum);
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
      prefetch_head<Type::kHeadBytes, C>(bytes);
      prefetch_column<Activation, C>(x + tile.block_stride);
      __m512i integers[C];
#pragma GCC unroll 16
      for (int c = 0; c < C; ++c) integers[c] = _mm512_setzero_si512();
      for (int j = 0; j < 8; ++j) {
        prefetch<kSubBytes, C>(bytes + Type::kHeadBytes + j * kSubBytes);
        prefetch_next(next, tile.next_lines, j, 8);
        const auto quants = Type::quants(*block, j);
        __m512i even[C];
        __m512i odd[C];
        half<0, C>(quants, 2 * j, x, even);
        half<4, C>(quants, 2 * j + 1, x, odd);
        __m128i scales[2] = {load_scales(*block, 2 * j), load_scales(*block, 2 * j + 1)};
        if constexpr (Type::kMin) {
          scales[0] = low_nibbles(scales[0]);
          scales[1] = low_nibbles(scales[1]);
        }
        const __m512i both = words(scales[0], scales[1]);
#pragma GCC unroll 16
        for (int c = 0; c < C; ++c) {
          integers[c] = Words::add(integers[c], even[c], odd[c], both);
        }
      }
      const __m512 d = _mm512_mul_ps(load_halves(block->d), _mm512_set1_ps(Words::kUnit));
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

}  // namespace
}  // namespace ix::backend::cpu
