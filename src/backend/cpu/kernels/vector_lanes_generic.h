// A vector of floats in portable GCC vectors: 4 lanes, whatever the CPU has.
//
// Each lanes header offers the same names to vector_body.h and attention_body.h, and is included by
// the files of one instruction set only. Everything has internal linkage: nothing compiled for one
// CPU can be picked by the linker to serve another.
#pragma once

#include <stdint.h>
#include <string.h>

namespace {

typedef float Vec __attribute__((vector_size(16)));
typedef int32_t VecInt __attribute__((vector_size(16)));
constexpr int kLanes = 4;
// Queries that one pass of an attention kernel serves, partial sums of a q . k, sums of values.
constexpr int kScoreQueries = 2;
constexpr int kScorePartials = 1;
constexpr int kValueQueries = 2;
constexpr int kValueSums = 8;

inline Vec set1(float x) { return Vec{x, x, x, x}; }
inline Vec load(const float* p) {
  Vec v;
  memcpy(&v, p, sizeof(v));
  return v;
}
inline void store(float* p, Vec v) { memcpy(p, &v, sizeof(v)); }
// The first n lanes, the others 0.
inline Vec load_part(const float* p, int64_t n) {
  Vec v = {};
  memcpy(&v, p, static_cast<size_t>(n) * sizeof(float));
  return v;
}
inline void store_part(float* p, Vec v, int64_t n) {
  memcpy(p, &v, static_cast<size_t>(n) * sizeof(float));
}
inline Vec add(Vec a, Vec b) { return a + b; }
inline Vec sub(Vec a, Vec b) { return a - b; }
inline Vec mul(Vec a, Vec b) { return a * b; }
inline Vec div(Vec a, Vec b) { return a / b; }
inline Vec fma(Vec a, Vec b, Vec c) { return a * b + c; }
inline Vec max(Vec a, Vec b) { return a > b ? a : b; }
inline Vec min(Vec a, Vec b) { return a < b ? a : b; }
inline Vec select_less(Vec a, Vec b, Vec yes, Vec no) { return a < b ? yes : no; }
inline Vec abs(Vec a) { return (Vec)((VecInt)a & 0x7fffffff); }
// To the nearest integer, for |a| < 2^22: adding 1.5 * 2^23 puts the unit in the last place at 1.
inline Vec round(Vec a) {
  const Vec magic = set1(12582912.0F);
  return (a + magic) - magic;
}
// 2^a for an integer a in [-126, 127].
inline Vec pow2(Vec a) { return (Vec)((__builtin_convertvector(a, VecInt) + 127) << 23); }
inline float reduce_add(Vec a) { return (a[0] + a[2]) + (a[1] + a[3]); }
inline float reduce_max(Vec a) {
  const float x = a[0] > a[1] ? a[0] : a[1];
  const float y = a[2] > a[3] ? a[2] : a[3];
  return x > y ? x : y;
}
inline Vec load_half(const uint16_t* p) {
  const VecInt h = {p[0], p[1], p[2], p[3]};
  const VecInt magnitude = (h & 0x7fff) << 13;
  // Moving the exponent by a product also gets subnormals right; infinities and NaN by hand.
  const VecInt finite = (VecInt)((Vec)magnitude * set1(0x1p112F));
  const VecInt special = magnitude | 0x7f800000;
  const VecInt bits = (h & 0x7c00) == 0x7c00 ? special : finite;
  return (Vec)(bits | ((h & 0x8000) << 16));
}
// Rounds to nearest even; beyond the range to infinity.
inline void store_half(uint16_t* p, Vec v) {
  for (int i = 0; i < kLanes; ++i) {
    const float f = v[i];
    uint32_t bits;
    memcpy(&bits, &f, sizeof(bits));
    const uint32_t sign = (bits >> 16) & 0x8000U;
    const uint32_t magnitude = bits & 0x7fffffffU;
    uint32_t out;
    if (magnitude > 0x7f800000U) {
      out = 0x7e00U;
    } else if (magnitude >= 0x477ff000U) {
      out = 0x7c00U;
    } else if (magnitude < 0x38800000U) {
      // Adding 0.5 puts the unit of the last place at 2^-24, so the addition rounds.
      float shifted;
      memcpy(&shifted, &magnitude, sizeof(shifted));
      shifted += 0.5F;
      memcpy(&out, &shifted, sizeof(out));
      out -= 0x3f000000U;
    } else {
      out = (magnitude + 0xfffU + ((magnitude >> 13) & 1U) - (112U << 23)) >> 13;
    }
    p[i] = static_cast<uint16_t>(sign | out);
  }
}
// 2 * kLanes floats x0 y0 x1 y1 … into evens and odds, and back.
inline void load_pairs(const float* p, Vec* even, Vec* odd) {
  *even = Vec{p[0], p[2], p[4], p[6]};
  *odd = Vec{p[1], p[3], p[5], p[7]};
}
inline void store_pairs(float* p, Vec even, Vec odd) {
  for (int i = 0; i < kLanes; ++i) {
    p[2 * i] = even[i];
    p[2 * i + 1] = odd[i];
  }
}

}  // namespace
