// A vector of floats in AVX-512 (F, BW, DQ, VL): 16 lanes. Internal linkage throughout.
#pragma once

#include <immintrin.h>
#include <stdint.h>

namespace {

typedef __m512 Vec;
constexpr int kLanes = 16;
// 32 registers. Scores: 8 queries x 1 vector of 16 tokens x 2 partial sums = 16 accumulators, more
// than latency 4 x throughput 2 needs; a key is converted once for 8 products. Values: 4 queries x
// 4 vectors of columns = 16.
constexpr int kScoreQueries = 8;
constexpr int kScorePartials = 2;
constexpr int kValueQueries = 4;
constexpr int kValueSums = 16;

inline Vec set1(float x) { return _mm512_set1_ps(x); }
inline Vec load(const float* p) { return _mm512_loadu_ps(p); }
inline void store(float* p, Vec v) { _mm512_storeu_ps(p, v); }
inline __mmask16 part_mask(int64_t n) { return static_cast<__mmask16>((1U << n) - 1U); }
inline Vec load_part(const float* p, int64_t n) { return _mm512_maskz_loadu_ps(part_mask(n), p); }
inline void store_part(float* p, Vec v, int64_t n) { _mm512_mask_storeu_ps(p, part_mask(n), v); }
inline Vec add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
inline Vec sub(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
inline Vec mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
inline Vec div(Vec a, Vec b) { return _mm512_div_ps(a, b); }
inline Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
inline Vec max(Vec a, Vec b) { return _mm512_max_ps(a, b); }
inline Vec min(Vec a, Vec b) { return _mm512_min_ps(a, b); }
inline Vec select_less(Vec a, Vec b, Vec yes, Vec no) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
}
inline Vec abs(Vec a) { return _mm512_andnot_ps(_mm512_set1_ps(-0.0F), a); }
inline Vec round(Vec a) {
  return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline Vec pow2(Vec a) {
  const __m512i biased = _mm512_add_epi32(_mm512_cvtps_epi32(a), _mm512_set1_epi32(127));
  return _mm512_castsi512_ps(_mm512_slli_epi32(biased, 23));
}
inline __m256 fold(Vec a, bool maximum) {
  const __m256 low = _mm512_castps512_ps256(a);
  const __m256 high = _mm512_extractf32x8_ps(a, 1);
  return maximum ? _mm256_max_ps(low, high) : _mm256_add_ps(low, high);
}
inline float reduce_add(Vec a) {
  const __m256 half = fold(a, false);
  __m128 x = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  x = _mm_add_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}
inline float reduce_max(Vec a) {
  const __m256 half = fold(a, true);
  __m128 x = _mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
  x = _mm_max_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}
inline Vec load_half(const uint16_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)p));
}
inline void store_half(uint16_t* p, Vec v) {
  _mm256_storeu_si256((__m256i*)p,
                      _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
inline void load_pairs(const float* p, Vec* even, Vec* odd) {
  const Vec a = load(p);
  const Vec b = load(p + 16);
  const __m512i evens =
      _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odds = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  *even = _mm512_permutex2var_ps(a, evens, b);
  *odd = _mm512_permutex2var_ps(a, odds, b);
}
inline void store_pairs(float* p, Vec even, Vec odd) {
  const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i high =
      _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  store(p, _mm512_permutex2var_ps(even, low, odd));
  store(p + 16, _mm512_permutex2var_ps(even, high, odd));
}

}  // namespace
