// Units of the types with blocks of 256, in AMX.
//
// A weight times the scale of its sub-block has more than 8 bits, so it is expanded to two digits,
// low + high × 2^kShift, whose sums over the block are made apart.
//
// Included by matrix_amx.cc, so all of it is of internal linkage.
#pragma once

#include "backend/cpu/kernels/matrix_blocks_k_avx512vnni.h"
#include "backend/cpu/kernels/matrix_tiles_amx.h"

namespace ix::backend::cpu {
namespace {

// 256 columns of the activations of a unit, with the tiles of 16 rows × 64 columns each in one run
// of memory. Sums of sub-blocks, which have 13 bits, are cut in two, so that bfloat16 holds both
// parts.
struct alignas(64) Activations256 {
  int8_t q[2][4][kTileRows][64];
  uint16_t sums[2][kTileRows][32];  // of sub-blocks 0 to 7: their lower 6 bits, the rest, zeros
  float scale[kUnitRows];
};

IX_INLINE void split_sums(const int16_t* sum32, uint16_t* to) {
  const __m256i sums =
      _mm256_cvtepi16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(sum32)));
  const __m256i high = _mm256_slli_epi32(_mm256_srai_epi32(sums, 6), 6);
  const __m256i low = _mm256_sub_epi32(sums, high);
  const auto bfloats = [](__m256i integers) {
    return _mm256_cvtepi32_epi16(
        _mm256_srli_epi32(_mm256_castps_si256(_mm256_cvtepi32_ps(integers)), 16));
  };
  const __m256i both = _mm256_set_m128i(bfloats(high), bfloats(low));
  _mm512_store_si512(to, _mm512_zextsi256_si512(both));
}

struct alignas(64) Digits {
  uint8_t low[64][64];   // [group of 4 columns][16 rows × 4]
  uint8_t high[64][64];  // of Q6_K signed
  // bfloat16: rows 0 to 3 and 4 to 7 are the mins of pairs of sub-blocks, the others zeros.
  __m512i mins[kTileRows];
};

struct alignas(64) DigitSums {
  int32_t low[2][kTileRows][kPanelRows];  // [A tile]
  int32_t high[2][kTileRows][kPanelRows];
  float below[2][kTileRows][kPanelRows];  // mins · sums of the activations, an integer

  // low + high × 2^kShift of an activation row. Doubling does not need a multiplier's port, as a
  // shift does.
  template <int kShift>
  IX_INLINE __m512i total(int row) const {
    __m512i sum = _mm512_load_si512(high[row / kTileRows][row % kTileRows]);
    if constexpr (kShift > 4) {
      sum = _mm512_slli_epi32(sum, kShift);
    } else {
#pragma GCC unroll 4
      for (int i = 0; i < kShift; ++i) sum = _mm512_add_epi32(sum, sum);
    }
    return _mm512_add_epi32(sum, _mm512_load_si512(low[row / kTileRows][row % kTileRows]));
  }
  IX_INLINE __m512 mins(int row) const {
    return _mm512_load_ps(below[row / kTileRows][row % kTileRows]);
  }
};

// What all types share: a block of 256 columns is 4 products with each digit, and one with the
// mins.
template <bool kSignedHigh, bool kMins>
struct DigitProducts {
  using Activation = Q8Block256;
  using Activations = Activations256;
  using Weights = Digits;
  using Sums = DigitSums;
  static constexpr int64_t kStepBlocks = 1;
  static constexpr int kProductColumns = 64;
  static constexpr int64_t kLeastRows = 9;

  static void gather(const uint8_t* x, int64_t /*block_stride*/, int /*count*/, int rows,
                     Activations& to) {
    for (int r = 0; r < rows; ++r) {
      const auto& block = reinterpret_cast<const Q8Block256*>(x)[r];
#pragma GCC unroll 4
      for (int k = 0; k < 4; ++k) {
        _mm512_store_si512(to.q[r / kTileRows][k][r % kTileRows], load(block.q + 64 * k));
      }
      if constexpr (kMins) split_sums(block.sum32, to.sums[r / kTileRows][r % kTileRows]);
      to.scale[r] = block.scale;
    }
  }

  template <int kTiles, typename Between>
  IX_INLINE static void multiply(const Digits& weights, const Activations& x, int /*count*/,
                                 Sums& sums, const Between& between) {
    tile_zero<0>();
    tile_zero<1>();
    if constexpr (kTiles == 2) {
      tile_zero<2>();
      tile_zero<3>();
    }
    product<kTiles, 0>(weights, x, between);
    product<kTiles, 1>(weights, x, between);
    product<kTiles, 2>(weights, x, between);
    product<kTiles, 3>(weights, x, between);
    tile_store<0>(sums.low[0]);
    tile_store<1>(sums.high[0]);
    if constexpr (kTiles == 2) {
      tile_store<2>(sums.low[1]);
      tile_store<3>(sums.high[1]);
    }
    if constexpr (kMins) {
      tile_zero<0>();
      tile_load<kFirstB>(weights.mins, 64);
      tile_load<kFirstA>(x.sums[0], 64);
      tile_dot_bfloats<0, kFirstA, kFirstB>();
      if constexpr (kTiles == 2) {
        tile_zero<2>();
        tile_load<kSecondA>(x.sums[1], 64);
        tile_dot_bfloats<2, kSecondA, kFirstB>();
      }
      tile_store<0>(sums.below[0]);
      if constexpr (kTiles == 2) tile_store<2>(sums.below[1]);
    }
  }

 private:
  template <int kTiles, int kQuarter, typename Between>
  IX_INLINE static void product(const Digits& weights, const Activations& x,
                                const Between& between) {
    tile_load<kFirstB>(weights.low[16 * kQuarter], 64);
    tile_load<kFirstA>(x.q[0][kQuarter], 64);
    tile_dot<0, kFirstA, kFirstB, false>();
    tile_load<kSecondB>(weights.high[16 * kQuarter], 64);
    tile_dot<1, kFirstA, kSecondB, kSignedHigh>();
    between.template operator()<2 * kQuarter>();
    if constexpr (kTiles == 2) {
      tile_load<kSecondA>(x.q[1][kQuarter], 64);
      tile_dot<2, kSecondA, kFirstB, false>();
      tile_dot<3, kSecondA, kSecondB, kSignedHigh>();
    }
    between.template operator()<2 * kQuarter + 1>();
  }
};

// Q4_K and Q5_K: scales of 6 bits are cut at bit kShift, so that a weight times either part fits
// the 8 bits that it lies in, two to a word, and one vpmullw multiplies both.
template <typename Type, int kShift>
struct UnitsK : DigitProducts<false, true> {
  using Panel = typename Type::Panel;

  struct alignas(64) Header {
    __m512 d;
    __m512 dmin;
  };

  static void expand(const Panel* from, int /*count*/, Digits& weights, Header& header) {
    header.d = load_halves(from->d);
    header.dmin = load_halves(from->dmin);
#pragma GCC unroll 4
    for (int p = 0; p < 4; ++p) {
      const __m512i mins = bfloats(_mm512_cvtepu8_epi16(
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from->mins[p]))));
      weights.mins[p] = mins;
      weights.mins[4 + p] = mins;
      weights.mins[8 + p] = _mm512_setzero_si512();
      weights.mins[12 + p] = _mm512_setzero_si512();
    }
    for (int j = 0; j < 8; ++j) {
      const __m512i scales =
          _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from->scales[j])));
      const __m512i words = _mm512_or_si512(scales, _mm512_slli_epi32(scales, 16));
      const __m512i low = _mm512_and_si512(words, _mm512_set1_epi16((1 << kShift) - 1));
      expand_groups<0>(Type::quants(*from, j), low, _mm512_srli_epi16(words, kShift),
                       &weights.low[8 * j], &weights.high[8 * j]);
    }
  }

  template <int kFrom, bool kFirst>
  IX_INLINE static void finish(const Finish<UnitsK>& unit, int to) {
    const __m512 d = unit.header->d;
    const __m512 dmin = unit.header->dmin;
#pragma GCC unroll 8
    for (int r = kFrom; r < to; ++r) {
      __m512 total = _mm512_mul_ps(_mm512_cvtepi32_ps(unit.sums->template total<kShift>(r)), d);
      total = _mm512_fnmadd_ps(unit.sums->mins(r), dmin, total);
      unit.template add<kFirst>(r, _mm512_set1_ps(unit.x->scale[r]), total);
    }
  }

 private:
  template <int kGroup, typename Quants>
  IX_INLINE static void expand_groups(const Quants& quants, __m512i low, __m512i high,
                                      uint8_t (*to_low)[64], uint8_t (*to_high)[64]) {
    const __m512i q = quants.template group<kGroup>();
    _mm512_store_si512(to_low[kGroup], _mm512_mullo_epi16(q, low));
    _mm512_store_si512(to_high[kGroup], _mm512_mullo_epi16(q, high));
    if constexpr (kGroup < 7) expand_groups<kGroup + 1>(quants, low, high, to_low, to_high);
  }

  // Words below 2^8 as bfloat16.
  IX_INLINE static __m512i bfloats(__m512i words) {
    const __m512 even = _mm512_cvtepi32_ps(_mm512_and_si512(words, _mm512_set1_epi32(0xffff)));
    const __m512 odd = _mm512_cvtepi32_ps(_mm512_srli_epi32(words, 16));
    return _mm512_mask_mov_epi16(_mm512_srli_epi32(_mm512_castps_si512(even), 16), 0xaaaaaaaa,
                                 _mm512_castps_si512(odd));
  }
};
// Sums of mins are exact: every partial sum of their products is an integer that a float holds.
static_assert(8 * 63 * (32 * 127 + 64) < 1 << 24);

// Q6_K: weights less their offset times signed scales have 14 bits, cut into bytes.
struct UnitsQ6K : DigitProducts<true, false> {
  using Panel = PanelQ6_K;

  struct alignas(64) Header {
    __m512 d;
  };

  static void expand(const Panel* from, int /*count*/, Digits& weights, Header& header) {
    header.d = load_halves(from->d);
    for (int j = 0; j < 8; ++j) {
      const LowAndTwoBits quants(from->sub[j].low, from->sub[j].high);
      expand_groups<0>(quants, scales(from->scales[2 * j]), scales(from->scales[2 * j + 1]),
                       &weights.low[8 * j], &weights.high[8 * j]);
    }
  }

  template <int kFrom, bool kFirst>
  IX_INLINE static void finish(const Finish<UnitsQ6K>& unit, int to) {
    const __m512 d = unit.header->d;
#pragma GCC unroll 8
    for (int r = kFrom; r < to; ++r) {
      const __m512 total = _mm512_mul_ps(_mm512_cvtepi32_ps(unit.sums->template total<8>(r)), d);
      unit.template add<kFirst>(r, _mm512_set1_ps(unit.x->scale[r]), total);
    }
  }

 private:
  // In the upper byte of each word.
  IX_INLINE static __m512i scales(const int8_t* p) {
    const __m512i dwords =
        _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    return _mm512_or_si512(_mm512_slli_epi32(dwords, 24),
                           _mm512_srli_epi32(_mm512_slli_epi32(dwords, 24), 16));
  }

  // The upper word of (q × 2^8) × (scale × 2^8) is q × scale.
  template <int kGroup>
  IX_INLINE static void expand_groups(const LowAndTwoBits& quants, __m512i first_scales,
                                      __m512i second_scales, uint8_t (*to_low)[64],
                                      uint8_t (*to_high)[64]) {
    constexpr __mmask64 kOdd = 0xaaaaaaaaaaaaaaaa;
    const __m512i scale = kGroup < 4 ? first_scales : second_scales;
    const __m512i q = _mm512_sub_epi8(quants.template group<kGroup>(), _mm512_set1_epi8(32));
    const __m512i even = _mm512_mulhi_epi16(_mm512_slli_epi16(q, 8), scale);
    const __m512i odd = _mm512_mulhi_epi16(_mm512_maskz_mov_epi8(kOdd, q), scale);
    _mm512_store_si512(to_low[kGroup], _mm512_mask_mov_epi8(even, kOdd, _mm512_slli_epi16(odd, 8)));
    _mm512_store_si512(to_high[kGroup],
                       _mm512_mask_mov_epi8(_mm512_srli_epi16(even, 8), kOdd, odd));
    if constexpr (kGroup < 7) {
      expand_groups<kGroup + 1>(quants, first_scales, second_scales, to_low, to_high);
    }
  }
};

}  // namespace
}  // namespace ix::backend::cpu
