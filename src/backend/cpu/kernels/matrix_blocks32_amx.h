// Units of the types with blocks of 32, in AMX.
//
// Included by matrix_amx.cc, so all of it is of internal linkage.
#pragma once

#include "backend/cpu/kernels/matrix_blocks32_avx512vnni.h"
#include "backend/cpu/kernels/matrix_tiles_amx.h"

namespace ix::backend::cpu {
namespace {

// Integers in [-2^22, 2^22) that are added to the bits of kMagic are floats once it is taken off
// again: a conversion that needs no multiplier.
constexpr float kMagic = 0x1.8p23f;
alignas(64) constexpr float kMagicRow[kPanelRows] = {kMagic, kMagic, kMagic, kMagic, kMagic, kMagic,
                                                     kMagic, kMagic, kMagic, kMagic, kMagic, kMagic,
                                                     kMagic, kMagic, kMagic, kMagic};

template <typename Type>
struct Units32 {
  using Activation = Q8Block32;
  using Panel = typename Type::Panel;
  static constexpr int kStride = sizeof(Activation);
  static constexpr int64_t kStepBlocks = 4;
  static constexpr int kProductColumns = 32;
  static constexpr int64_t kLeastRows = 16;

  struct alignas(64) Weights {
    uint8_t q[kStepBlocks][8][64];  // signed, without the type's offset
  };
  struct alignas(64) Header {
    __m512 d[kStepBlocks];
    __m512 m[kStepBlocks];
    int count;  // blocks
  };
  struct alignas(64) Activations {
    int8_t q[kStepBlocks][2][kTileRows][32];
    struct alignas(32) {
      float scale[kStepBlocks];
      float scaled_sum[kStepBlocks];
    } row[kUnitRows];
  };
  struct alignas(64) Sums {
    float of[kStepBlocks][2][kTileRows][kPanelRows];  // [block][A tile], kMagic more
  };

  static void gather(const uint8_t* x, int64_t block_stride, int count, int rows, Activations& to) {
    for (int b = 0; b < count; ++b, x += block_stride) {
      for (int r = 0; r < rows; ++r) {
        const auto& block = reinterpret_cast<const Q8Block32*>(x)[r];
        __builtin_memcpy(to.q[b][r / kTileRows][r % kTileRows], block.q, sizeof(block.q));
        to.row[r].scale[b] = block.scale;
        to.row[r].scaled_sum[b] = block.scaled_sum;
      }
    }
  }

  static void expand(const Panel* from, int count, Weights& weights, Header& header) {
    header.count = count;
    for (int b = 0; b < count; ++b) {
      header.d[b] = load_halves(from[b].d);
      if constexpr (Type::kMin) header.m[b] = load_halves(from[b].m);
      expand_groups<0>(Type::quants(from[b]), weights.q[b]);
    }
  }

  template <int kTiles, typename Between>
  IX_INLINE static void multiply(const Weights& weights, const Activations& x, int count,
                                 Sums& sums, const Between& between) {
    product<kTiles, 0>(weights, x, sums);
    between.template operator()<0>();
    between.template operator()<1>();
    if (count > 1) product<kTiles, 1>(weights, x, sums);
    between.template operator()<2>();
    between.template operator()<3>();
    if (count > 2) product<kTiles, 2>(weights, x, sums);
    between.template operator()<4>();
    between.template operator()<5>();
    if (count > 3) product<kTiles, 3>(weights, x, sums);
    between.template operator()<6>();
    between.template operator()<7>();
  }

  template <int kFrom, bool kFirst>
  IX_INLINE static void finish(const Finish<Units32>& unit, int to) {
    const int count = unit.header->count;
#pragma GCC unroll 8
    for (int r = kFrom; r < to; ++r) {
      __m512 acc = kFirst ? _mm512_setzero_ps() : _mm512_load_ps(unit.acc[r]);
      acc = finish_block<0>(unit, r, acc);
      if (count > 1) acc = finish_block<1>(unit, r, acc);
      if (count > 2) acc = finish_block<2>(unit, r, acc);
      if (count > 3) acc = finish_block<3>(unit, r, acc);
      _mm512_store_ps(unit.acc[r], acc);
    }
  }

 private:
  template <int kGroup, typename Quants>
  IX_INLINE static void expand_groups(const Quants& quants, uint8_t (*out)[64]) {
    __m512i q = quants.template group<kGroup>();
    if constexpr (Type::kOffsetBits != 0) {
      q = _mm512_sub_epi8(q, _mm512_set1_epi8(static_cast<char>(1 << Type::kOffsetBits)));
    }
    _mm512_store_si512(out[kGroup], q);
    if constexpr (kGroup < 7) expand_groups<kGroup + 1>(quants, out);
  }

  template <int kTiles, int kBlock>
  IX_INLINE static void product(const Weights& weights, const Activations& x, Sums& sums) {
    constexpr int kFirst = kBlock % 2;
    constexpr int kSecond = 2 + kBlock % 2;
    constexpr int kB = kFirstB + kBlock % 2;
    tile_load<kFirst>(kMagicRow, 0);
    tile_load<kB>(weights.q[kBlock], 64);
    tile_load<kFirstA>(x.q[kBlock][0], 32);
    tile_dot<kFirst, kFirstA, kB, true>();
    if constexpr (kTiles == 2) {
      tile_load<kSecond>(kMagicRow, 0);
      tile_load<kSecondA>(x.q[kBlock][1], 32);
      tile_dot<kSecond, kSecondA, kB, true>();
    }
    tile_store<kFirst>(sums.of[kBlock][0]);
    if constexpr (kTiles == 2) tile_store<kSecond>(sums.of[kBlock][1]);
  }

  template <int kBlock>
  IX_INLINE static __m512 finish_block(const Finish<Units32>& unit, int row, __m512 acc) {
    const auto& x = unit.x->row[row];
    const __m512 sum =
        _mm512_sub_ps(_mm512_load_ps(unit.sums->of[kBlock][row / kTileRows][row % kTileRows]),
                      _mm512_set1_ps(kMagic));
    const __m512 product = _mm512_mul_ps(sum, unit.header->d[kBlock]);
    acc = _mm512_fmadd_ps(product, _mm512_set1_ps(x.scale[kBlock]), acc);
    if constexpr (Type::kMin) {
      acc = _mm512_fmadd_ps(unit.header->m[kBlock], _mm512_set1_ps(x.scaled_sum[kBlock]), acc);
    }
    return acc;
  }
};
static_assert(32 * 128 * 127 < 1 << 22);

}  // namespace
}  // namespace ix::backend::cpu
