// The exact product for AVX2 with FMA and F16C. Only intrinsics and C headers here.
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "backend/cpu/kernels/gemm_exact_kernels.h"
#include "backend/cpu/kernels/gemm_exact_parts.h"
#include "backend/cpu/kernels/gemm_exact_q4k_x86.h"

#define IX_INLINE inline __attribute__((always_inline))

namespace ix::backend::cpu {
namespace {

// The 16 weights of a sub-block as bytes, twice: once their low and once their high bytes.
struct ByteTables {
  __m256i low;
  __m256i high;
};

IX_INLINE ByteTables byte_tables(float scale, float min) {
  const __m256 quants[2] = {_mm256_set_ps(7, 6, 5, 4, 3, 2, 1, 0),
                            _mm256_set_ps(15, 14, 13, 12, 11, 10, 9, 8)};
  __m128i halves[2];
  for (int i = 0; i < 2; ++i) {
    const __m256 all = _mm256_fmsub_ps(quants[i], _mm256_set1_ps(scale), _mm256_set1_ps(min));
    halves[i] = _mm256_cvtps_ph(all, _MM_FROUND_TO_NEAREST_INT);
  }
  const __m128i byte = _mm_set1_epi16(255);
  const __m128i low =
      _mm_packus_epi16(_mm_and_si128(halves[0], byte), _mm_and_si128(halves[1], byte));
  const __m128i high = _mm_packus_epi16(_mm_srli_epi16(halves[0], 8), _mm_srli_epi16(halves[1], 8));
  return {_mm256_broadcastsi128_si256(low), _mm256_broadcastsi128_si256(high)};
}

// 32 weights, in order.
IX_INLINE void look_up(const ByteTables& table, __m256i quants, uint16_t* out) {
  const __m256i low = _mm256_shuffle_epi8(table.low, quants);
  const __m256i high = _mm256_shuffle_epi8(table.high, quants);
  const __m256i first = _mm256_unpacklo_epi8(low, high);   // weights 0..7 and 16..23
  const __m256i second = _mm256_unpackhi_epi8(low, high);  // 8..15 and 24..31
  _mm256_storeu_si256((__m256i*)out, _mm256_permute2x128_si256(first, second, 0x20));
  _mm256_storeu_si256((__m256i*)(out + 16), _mm256_permute2x128_si256(first, second, 0x31));
}

void dequantize(const void* blocks, int64_t row_bytes, int rows, uint16_t* panel) {
  alignas(32) uint16_t weights[kExactRows * kExactDepth];
  const __m256i nibble = _mm256_set1_epi8(15);
  for (int r = 0; r < rows; ++r) {
    const uint8_t* block = static_cast<const uint8_t*>(blocks) + r * row_bytes;
    uint16_t* out = weights + r * kExactDepth;
    float scales[8];
    float mins[8];
    unpack_scales(block, scales, mins);
    for (int pair = 0; pair < 4; ++pair) {
      const __m256i bytes = _mm256_loadu_si256((const __m256i*)(block + kQuantsOffset + 32 * pair));
      const int j = 2 * pair;
      look_up(byte_tables(scales[j], mins[j]), _mm256_and_si256(bytes, nibble), out + 32 * j);
      look_up(byte_tables(scales[j + 1], mins[j + 1]),
              _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble), out + 32 * j + 32);
    }
  }
  memset(weights + rows * kExactDepth, 0, sizeof(uint16_t) * (kExactRows - rows) * kExactDepth);
  transpose_panel(weights, panel);
}

void widen(const uint16_t* in, int64_t n, float* out) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)(in + i))));
  }
  for (; i < n; ++i) out[i] = _cvtsh_ss(in[i]);
}

constexpr int kRowsOfTile = 16;
constexpr int kColumnsOfTile = 6;
constexpr int kPrefetchHalves = 2048;  // as in gemm_exact_avx512vnni.cc

// panel [k, kExactRows], tile [k, width], sums [kColumns, kExactRows]; the pointers are at the
// first row and column.
template <int kColumns>
void multiply_tile(const uint16_t* panel, const float* tile, int64_t width, float* sums,
                   bool first) {
  __m256 sum[kColumns][2];
#pragma GCC unroll 6
  for (int j = 0; j < kColumns; ++j) {
    sum[j][0] = first ? _mm256_setzero_ps() : _mm256_loadu_ps(sums + j * kExactRows);
    sum[j][1] = first ? _mm256_setzero_ps() : _mm256_loadu_ps(sums + j * kExactRows + 8);
  }
  for (int k = 0; k < kExactDepth; ++k) {
    const __m128i* halves = (const __m128i*)(panel + k * kExactRows);
    if (kColumns <= 2) {
      _mm_prefetch((const char*)(panel + k * kExactRows + kPrefetchHalves), _MM_HINT_T0);
    }
    const __m256 w0 = _mm256_cvtph_ps(_mm_loadu_si128(halves));
    const __m256 w1 = _mm256_cvtph_ps(_mm_loadu_si128(halves + 1));
    const float* row = tile + k * width;
#pragma GCC unroll 6
    for (int j = 0; j < kColumns; ++j) {
      const __m256 b = _mm256_broadcast_ss(row + j);
      sum[j][0] = _mm256_fmadd_ps(w0, b, sum[j][0]);
      sum[j][1] = _mm256_fmadd_ps(w1, b, sum[j][1]);
    }
  }
#pragma GCC unroll 6
  for (int j = 0; j < kColumns; ++j) {
    _mm256_storeu_ps(sums + j * kExactRows, sum[j][0]);
    _mm256_storeu_ps(sums + j * kExactRows + 8, sum[j][1]);
  }
}

using TileFn = void (*)(const uint16_t* panel, const float* tile, int64_t width, float* sums,
                        bool first);
constexpr TileFn kTiles[kColumnsOfTile + 1] = {
    nullptr,          multiply_tile<1>, multiply_tile<2>, multiply_tile<3>,
    multiply_tile<4>, multiply_tile<5>, multiply_tile<6>,
};

void multiply(const ExactMultiplyArgs& args) {
  for (int64_t begin = 0; begin < args.n; begin += kExactColumns) {
    const float* tile = args.tiles + begin / kExactColumns * args.tile_stride;
    const int64_t left = args.n - begin;
    const int64_t width = left < kExactColumns ? left : kExactColumns;
    for (int row = 0; row < kExactRows; row += kRowsOfTile) {
      for (int64_t j = 0; j < width; j += kColumnsOfTile) {
        const int64_t columns = width - j < kColumnsOfTile ? width - j : kColumnsOfTile;
        kTiles[columns](args.panel + row, tile + j, width,
                        args.sums + (begin + j) * kExactRows + row, args.first);
      }
    }
  }
}

}  // namespace

extern const ExactKernels kExactKernelsAvx2 = {dequantize, widen, pack_rows<widen>,
                                               pack_columns<widen, 8>, multiply};

}  // namespace ix::backend::cpu
