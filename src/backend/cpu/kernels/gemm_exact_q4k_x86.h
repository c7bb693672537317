// What the AVX2 and AVX-512 files of the exact product share: the scales of a Q4_K block and the
// turning of halves. Needs AVX2 and F16C. Internal linkage throughout.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "backend/cpu/kernels/gemm_exact_kernels.h"
#include "backend/cpu/kernels/gemm_exact_parts.h"

namespace {

// scales[j] = d * sc and mins[j] = dmin * m of the 8 sub-blocks. Both products are exact (11 bits
// times 6), and so is a scale times a quant of 4 bits: a fused multiply-subtract of them rounds as
// the reference's two operations do.
inline void unpack_scales(const uint8_t* block, float* scales, float* mins) {
  const ix::backend::cpu::Q4KHead head = ix::backend::cpu::unpack_head(block);
  const __m128i sc = _mm_set_epi32(0, 0, (int)head.scales[1], (int)head.scales[0]);
  const __m128i m = _mm_set_epi32(0, 0, (int)head.mins[1], (int)head.mins[0]);
  const __m256 sc8 = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(sc));
  const __m256 m8 = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(m));
  _mm256_storeu_ps(scales, _mm256_mul_ps(_mm256_set1_ps(_cvtsh_ss(head.d)), sc8));
  _mm256_storeu_ps(mins, _mm256_mul_ps(_mm256_set1_ps(_cvtsh_ss(head.dmin)), m8));
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
