// What the AVX2 and AVX-512 files of the exact product share: the scales of a Q4_K block and the
// turning of halves. Needs AVX2 and F16C. Internal linkage throughout.
#pragma once

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "backend/cpu/kernels/gemm_exact_kernels.h"

namespace {

// A Q4_K block as bytes: quant/blocks.h has functions that would be instantiated here.
constexpr int kScalesOffset = 4;
constexpr int kQuantsOffset = 16;

// scales[j] = d * sc and mins[j] = dmin * m of the 8 sub-blocks. Both products are exact (11 bits
// times 6), and so is a scale times a quant of 4 bits: a fused multiply-subtract of them rounds as
// the reference's two operations do.
inline void unpack_scales(const uint8_t* block, float* scales, float* mins) {
  uint16_t d;
  uint16_t dmin;
  uint32_t u[3];
  memcpy(&d, block, sizeof(d));
  memcpy(&dmin, block + 2, sizeof(dmin));
  memcpy(u, block + kScalesOffset, sizeof(u));
  const uint32_t sc_low = u[0] & 0x3f3f3f3fU;
  const uint32_t m_low = u[1] & 0x3f3f3f3fU;
  const uint32_t sc_high = (u[2] & 0x0f0f0f0fU) | ((u[0] >> 2) & 0x30303030U);
  const uint32_t m_high = ((u[2] >> 4) & 0x0f0f0f0fU) | ((u[1] >> 2) & 0x30303030U);
  const __m128i sc = _mm_set_epi32(0, 0, (int)sc_high, (int)sc_low);
  const __m128i m = _mm_set_epi32(0, 0, (int)m_high, (int)m_low);
  const __m256 sc8 = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(sc));
  const __m256 m8 = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(m));
  _mm256_storeu_ps(scales, _mm256_mul_ps(_mm256_set1_ps(_cvtsh_ss(d)), sc8));
  _mm256_storeu_ps(mins, _mm256_mul_ps(_mm256_set1_ps(_cvtsh_ss(dmin)), m8));
}

// Columns 0..15 of 8 rows: out[i] has column i of the rows in its low half, column 8 + i in its
// high half.
inline void transpose_8x16(const uint16_t* rows, int64_t stride, __m256i* out) {
  __m256i r[8];
  __m256i a[8];
  __m256i b[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) r[i] = _mm256_loadu_si256((const __m256i*)(rows + i * stride));
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    a[2 * i] = _mm256_unpacklo_epi16(r[2 * i], r[2 * i + 1]);
    a[2 * i + 1] = _mm256_unpackhi_epi16(r[2 * i], r[2 * i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    b[4 * i] = _mm256_unpacklo_epi32(a[4 * i], a[4 * i + 2]);
    b[4 * i + 1] = _mm256_unpackhi_epi32(a[4 * i], a[4 * i + 2]);
    b[4 * i + 2] = _mm256_unpacklo_epi32(a[4 * i + 1], a[4 * i + 3]);
    b[4 * i + 3] = _mm256_unpackhi_epi32(a[4 * i + 1], a[4 * i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    out[2 * i] = _mm256_unpacklo_epi64(b[i], b[4 + i]);
    out[2 * i + 1] = _mm256_unpackhi_epi64(b[i], b[4 + i]);
  }
}

// rows [kExactRows, kExactDepth] -> panel [kExactDepth, kExactRows]
inline void transpose_panel(const uint16_t* rows, uint16_t* panel) {
  using ix::backend::cpu::kExactDepth;
  using ix::backend::cpu::kExactRows;
  for (int k = 0; k < kExactDepth; k += 16) {
    for (int row = 0; row < kExactRows; row += 16) {
      __m256i low[8];
      __m256i high[8];
      transpose_8x16(rows + row * kExactDepth + k, kExactDepth, low);
      transpose_8x16(rows + (row + 8) * kExactDepth + k, kExactDepth, high);
      uint16_t* out = panel + k * kExactRows + row;
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) {
        _mm256_storeu_si256((__m256i*)(out + i * kExactRows),
                            _mm256_permute2x128_si256(low[i], high[i], 0x20));
        _mm256_storeu_si256((__m256i*)(out + (8 + i) * kExactRows),
                            _mm256_permute2x128_si256(low[i], high[i], 0x31));
      }
    }
  }
}

}  // namespace
