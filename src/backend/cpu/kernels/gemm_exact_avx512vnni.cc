// The exact product for AVX-512 (F, BW, DQ, VL). Only intrinsics and C headers here.
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "backend/cpu/kernels/gemm_exact_kernels.h"
#include "backend/cpu/kernels/gemm_exact_parts.h"
#include "backend/cpu/kernels/gemm_exact_q4k_x86.h"

#define IX_INLINE inline __attribute__((always_inline))

namespace ix::backend::cpu {
namespace {

// A sub-block has 16 different weights: they are computed once, and quants pick among them.
void dequantize(const void* blocks, int64_t row_bytes, int rows, uint16_t* panel) {
  alignas(64) uint16_t weights[kExactRows * kExactDepth];
  const __m512 quants = _mm512_set_ps(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const __m512i low_nibble = _mm512_set1_epi16(15);
  for (int r = 0; r < rows; ++r) {
    const uint8_t* block = static_cast<const uint8_t*>(blocks) + r * row_bytes;
    uint16_t* out = weights + r * kExactDepth;
    float scales[8];
    float mins[8];
    unpack_scales(block, scales, mins);
    for (int pair = 0; pair < 4; ++pair) {
      __m512i table[2];
      for (int i = 0; i < 2; ++i) {
        const __m512 all = _mm512_fmsub_ps(quants, _mm512_set1_ps(scales[2 * pair + i]),
                                           _mm512_set1_ps(mins[2 * pair + i]));
        table[i] = _mm512_broadcast_i64x4(_mm512_cvtps_ph(all, _MM_FROUND_TO_NEAREST_INT));
      }
      const __m512i bytes = _mm512_cvtepu8_epi16(
          _mm256_loadu_si256((const __m256i*)(block + kQuantsOffset + 32 * pair)));
      const __m512i low = _mm512_and_si512(bytes, low_nibble);
      const __m512i high = _mm512_srli_epi16(bytes, 4);
      _mm512_store_si512(out + 64 * pair, _mm512_permutexvar_epi16(low, table[0]));
      _mm512_store_si512(out + 64 * pair + 32, _mm512_permutexvar_epi16(high, table[1]));
    }
  }
  memset(weights + rows * kExactDepth, 0, sizeof(uint16_t) * (kExactRows - rows) * kExactDepth);
  transpose_panel(weights, panel);
}

IX_INLINE __mmask16 first_lanes(int64_t n) { return (__mmask16)((1U << n) - 1U); }

void widen(const uint16_t* in, int64_t n, float* out) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    _mm512_storeu_ps(out + i, _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)(in + i))));
  }
  if (i < n) {
    const __mmask16 mask = first_lanes(n - i);
    _mm512_mask_storeu_ps(out + i, mask, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, in + i)));
  }
}

void pack_rows(const uint16_t* b, int64_t stride, int64_t depth, int columns, int width,
               float* tile) {
  const __mmask16 mask = first_lanes(columns);
  for (int64_t k = 0; k < depth; ++k) {
    const __m256i halves = _mm256_maskz_loadu_epi16(mask, b + k * stride);
    _mm512_mask_storeu_ps(tile + k * width, mask, _mm512_cvtph_ps(halves));
  }
}

// Columns from which on a panel is widened once and not for each tile.
constexpr int64_t kWidenedFrom = int64_t{3} * kExactColumns;
// Weights that are read once, with few columns, come from memory: 4 KiB ahead is about its latency
// at 25 GB/s. The hardware's prefetchers stop at borders of 4 KiB.
constexpr int kPrefetchHalves = 2048;
// Floats to the next tile, which comes from the second-level cache or from further away.
constexpr int kNextTile = kExactDepth * kExactColumns;

IX_INLINE __m512 load_weights(const uint16_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)p));
}
IX_INLINE __m512 load_weights(const float* p) { return _mm512_loadu_ps(p); }

template <int kColumns, typename Weight>
void multiply_tile(const Weight* panel, const float* tile, float* sums, bool first) {
  __m512 sum[kColumns][2];
#pragma GCC unroll 12
  for (int j = 0; j < kColumns; ++j) {
    sum[j][0] = first ? _mm512_setzero_ps() : _mm512_loadu_ps(sums + j * kExactRows);
    sum[j][1] = first ? _mm512_setzero_ps() : _mm512_loadu_ps(sums + j * kExactRows + 16);
  }
  for (int k = 0; k < kExactDepth; ++k) {
    const Weight* row = panel + k * kExactRows;
    if (kColumns <= 4 && sizeof(Weight) == sizeof(uint16_t)) {
      _mm_prefetch((const char*)(row + kPrefetchHalves), _MM_HINT_T0);
    }
    if (kColumns == kExactColumns) {
      _mm_prefetch((const char*)(tile + kNextTile + k * kExactColumns), _MM_HINT_T0);
    }
    const __m512 w0 = load_weights(row);
    const __m512 w1 = load_weights(row + 16);
#pragma GCC unroll 12
    for (int j = 0; j < kColumns; ++j) {
      const __m512 b = _mm512_set1_ps(tile[k * kColumns + j]);
      sum[j][0] = _mm512_fmadd_ps(w0, b, sum[j][0]);
      sum[j][1] = _mm512_fmadd_ps(w1, b, sum[j][1]);
    }
  }
#pragma GCC unroll 12
  for (int j = 0; j < kColumns; ++j) {
    _mm512_storeu_ps(sums + j * kExactRows, sum[j][0]);
    _mm512_storeu_ps(sums + j * kExactRows + 16, sum[j][1]);
  }
}

template <typename Weight>
using TileFn = void (*)(const Weight* panel, const float* tile, float* sums, bool first);

template <typename Weight>
constexpr TileFn<Weight> kTiles[kExactColumns + 1] = {
    nullptr,
    multiply_tile<1, Weight>,
    multiply_tile<2, Weight>,
    multiply_tile<3, Weight>,
    multiply_tile<4, Weight>,
    multiply_tile<5, Weight>,
    multiply_tile<6, Weight>,
    multiply_tile<7, Weight>,
    multiply_tile<8, Weight>,
    multiply_tile<9, Weight>,
    multiply_tile<10, Weight>,
    multiply_tile<11, Weight>,
    multiply_tile<12, Weight>,
};

template <typename Weight>
IX_INLINE void multiply_tiles(const Weight* panel, const ExactMultiplyArgs& args) {
  int64_t j = 0;
  const float* tile = args.tiles;
  for (; j + kExactColumns <= args.n; j += kExactColumns, tile += args.tile_stride) {
    kTiles<Weight>[kExactColumns](panel, tile, args.sums + j * kExactRows, args.first);
  }
  if (j < args.n) {
    kTiles<Weight>[args.n - j](panel, tile, args.sums + j * kExactRows, args.first);
  }
}

void multiply(const ExactMultiplyArgs& args) {
  if (args.n < kWidenedFrom) return multiply_tiles(args.panel, args);
  alignas(64) float widened[kExactDepth * kExactRows];
  widen(args.panel, kExactDepth * kExactRows, widened);
  multiply_tiles(static_cast<const float*>(widened), args);
}

}  // namespace

extern const ExactKernels kExactKernelsAvx512Vnni = {dequantize, widen, pack_rows,
                                                     pack_columns<widen, 16>, multiply};

}  // namespace ix::backend::cpu
