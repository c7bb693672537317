// A vector of floats in NEON, as every 64-bit Arm has it: 4 lanes. Internal linkage throughout.
#pragma once

#include <arm_neon.h>
#include <stdint.h>

namespace {

typedef float32x4_t Vec;
constexpr int kLanes = 4;
// 32 registers. Scores: 2 queries x 4 vectors of 4 tokens x 2 partial sums = 16 accumulators.
// Values: 4 queries x 4 vectors of columns = 16.
constexpr int kScoreQueries = 2;
constexpr int kScorePartials = 2;
constexpr int kValueQueries = 4;
constexpr int kValueSums = 16;

inline Vec set1(float x) { return vdupq_n_f32(x); }
inline Vec load(const float* p) { return vld1q_f32(p); }
inline void store(float* p, Vec v) { vst1q_f32(p, v); }
inline Vec load_part(const float* p, int64_t n) {
  float lanes[kLanes] = {};
  for (int64_t i = 0; i < n; ++i) lanes[i] = p[i];
  return vld1q_f32(lanes);
}
inline void store_part(float* p, Vec v, int64_t n) {
  float lanes[kLanes];
  vst1q_f32(lanes, v);
  for (int64_t i = 0; i < n; ++i) p[i] = lanes[i];
}
inline Vec add(Vec a, Vec b) { return vaddq_f32(a, b); }
inline Vec sub(Vec a, Vec b) { return vsubq_f32(a, b); }
inline Vec mul(Vec a, Vec b) { return vmulq_f32(a, b); }
inline Vec div(Vec a, Vec b) { return vdivq_f32(a, b); }
inline Vec fma(Vec a, Vec b, Vec c) { return vfmaq_f32(c, a, b); }
inline Vec max(Vec a, Vec b) { return vmaxq_f32(a, b); }
inline Vec min(Vec a, Vec b) { return vminq_f32(a, b); }
inline Vec select_less(Vec a, Vec b, Vec yes, Vec no) {
  return vbslq_f32(vcltq_f32(a, b), yes, no);
}
inline Vec abs(Vec a) { return vabsq_f32(a); }
inline Vec round(Vec a) { return vrndnq_f32(a); }
inline Vec pow2(Vec a) {
  const int32x4_t biased = vaddq_s32(vcvtq_s32_f32(a), vdupq_n_s32(127));
  return vreinterpretq_f32_s32(vshlq_n_s32(biased, 23));
}
inline float reduce_add(Vec a) { return vaddvq_f32(a); }
inline float reduce_max(Vec a) { return vmaxvq_f32(a); }
inline Vec load_half(const uint16_t* p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
inline void store_half(uint16_t* p, Vec v) { vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(v))); }
inline void load_pairs(const float* p, Vec* even, Vec* odd) {
  const float32x4x2_t pairs = vld2q_f32(p);
  *even = pairs.val[0];
  *odd = pairs.val[1];
}
inline void store_pairs(float* p, Vec even, Vec odd) {
  const float32x4x2_t pairs = {{even, odd}};
  vst2q_f32(p, pairs);
}

}  // namespace
