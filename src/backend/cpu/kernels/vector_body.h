// The float kernels, written once over a lanes header, which must be included before.
#pragma once

#include <math.h>
#include <stdint.h>

namespace {

// e^x with a relative error below 2e-7 for x in [-87, 88]; smaller x give about 1e-38, larger about
// 2e38. x = n ln 2 + r, |r| <= ln 2 / 2; the polynomial is the minimax one of Cephes' expf.
inline Vec exp(Vec x) {
  x = min(max(x, set1(-87.3F)), set1(88.3F));
  const Vec n = round(mul(x, set1(1.44269504F)));
  Vec r = fma(n, set1(-0.693359375F), x);  // ln 2 in two parts: the first has 9 bits
  r = fma(n, set1(2.12194440e-4F), r);
  Vec p = set1(1.9875691500e-4F);
  p = fma(p, r, set1(1.3981999507e-3F));
  p = fma(p, r, set1(8.3334519073e-3F));
  p = fma(p, r, set1(4.1665795894e-2F));
  p = fma(p, r, set1(1.6666665459e-1F));
  p = fma(p, r, set1(5.0000001201e-1F));
  p = add(fma(p, mul(r, r), r), set1(1.0F));
  return mul(p, pow2(n));
}

// tanh x with a relative error below 4e-7: for small |x| Cephes' odd polynomial, else by e^2|x|.
inline Vec tanh(Vec x) {
  const Vec size = abs(x);
  const Vec z = mul(x, x);
  Vec p = set1(-5.70498872745e-3F);
  p = fma(p, z, set1(2.06390887954e-2F));
  p = fma(p, z, set1(-5.37397155531e-2F));
  p = fma(p, z, set1(1.33314422036e-1F));
  p = fma(p, z, set1(-3.33332819422e-1F));
  const Vec small = fma(mul(p, z), x, x);
  const Vec e = exp(add(size, size));
  const Vec large = sub(set1(1.0F), div(set1(2.0F), add(e, set1(1.0F))));
  const Vec signed_large = select_less(x, set1(0.0F), sub(set1(0.0F), large), large);
  return select_less(size, set1(0.625F), small, signed_large);
}

// x / (1 + e^-x)
inline Vec silu(Vec x) { return div(x, add(set1(1.0F), exp(sub(set1(0.0F), x)))); }

// x (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3), written as x / (1 + e^-2u).
inline Vec gelu_tanh(Vec x) {
  const Vec cubic = fma(mul(mul(x, x), set1(0.044715F)), x, x);
  return div(x, add(set1(1.0F), exp(mul(cubic, set1(-2.0F * 0.7978845608F)))));
}

inline float dot(const float* a, const float* b, int64_t n) {
  Vec s[4] = {set1(0), set1(0), set1(0), set1(0)};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    for (int j = 0; j < 4; ++j)
      s[j] = fma(load(a + i + j * kLanes), load(b + i + j * kLanes), s[j]);
  }
  for (; i + kLanes <= n; i += kLanes) s[0] = fma(load(a + i), load(b + i), s[0]);
  if (i < n) s[0] = fma(load_part(a + i, n - i), load_part(b + i, n - i), s[0]);
  return reduce_add(add(add(s[0], s[1]), add(s[2], s[3])));
}

// Runs WHOLE for whole vectors and PART once for the rest.
// NOLINTBEGIN(bugprone-macro-parentheses): they are statements
#define IX_FOR_LANES(n, WHOLE, PART)                \
  do {                                              \
    int64_t i = 0;                                  \
    for (; i + kLanes <= (n); i += kLanes) WHOLE;   \
    if (const int64_t left = (n)-i; left > 0) PART; \
  } while (0)
// NOLINTEND(bugprone-macro-parentheses)

void rms_norm(const float* in, const float* weight, float eps, int64_t width, float* out) {
  const float mean = dot(in, in, width) / static_cast<float>(width);
  const Vec factor = set1(1.0F / sqrtf(mean + eps));
  IX_FOR_LANES(
      width, store(out + i, mul(mul(load(in + i), factor), load(weight + i))),
      store_part(out + i, mul(mul(load_part(in + i, left), factor), load_part(weight + i, left)),
                 left));
}

void rope_halves(const float* in, const float* cosine, const float* sine, int64_t half,
                 float* out) {
  const float* second = in + half;
  const auto turn = [&](int64_t i, Vec a, Vec b, Vec c, Vec s, int64_t n) {
    const Vec x = sub(mul(a, c), mul(b, s));
    const Vec y = add(mul(b, c), mul(a, s));
    store_part(out + i, x, n);
    store_part(out + half + i, y, n);
  };
  int64_t i = 0;
  for (; i + kLanes <= half; i += kLanes) {
    turn(i, load(in + i), load(second + i), load(cosine + i), load(sine + i), kLanes);
  }
  if (const int64_t n = half - i; n > 0) {
    turn(i, load_part(in + i, n), load_part(second + i, n), load_part(cosine + i, n),
         load_part(sine + i, n), n);
  }
}

void rope_interleaved(const float* in, const float* cosine, const float* sine, int64_t half,
                      float* out) {
  int64_t i = 0;
  for (; i + kLanes <= half; i += kLanes) {
    Vec a;
    Vec b;
    load_pairs(in + 2 * i, &a, &b);
    const Vec c = load(cosine + i);
    const Vec s = load(sine + i);
    store_pairs(out + 2 * i, sub(mul(a, c), mul(b, s)), add(mul(b, c), mul(a, s)));
  }
  for (; i < half; ++i) {
    const float a = in[2 * i];
    const float b = in[2 * i + 1];
    out[2 * i] = a * cosine[i] - b * sine[i];
    out[2 * i + 1] = b * cosine[i] + a * sine[i];
  }
}

void gated_silu(const float* gate, const float* up, int64_t n, float* out) {
  IX_FOR_LANES(
      n, store(out + i, mul(silu(load(gate + i)), load(up + i))),
      store_part(out + i, mul(silu(load_part(gate + i, left)), load_part(up + i, left)), left));
}

void gated_gelu(const float* gate, const float* up, int64_t n, float* out) {
  IX_FOR_LANES(
      n, store(out + i, mul(gelu_tanh(load(gate + i)), load(up + i))),
      store_part(out + i, mul(gelu_tanh(load_part(gate + i, left)), load_part(up + i, left)),
                 left));
}

void add_rows(const float* a, const float* b, int64_t n, float* out) {
  IX_FOR_LANES(n, store(out + i, add(load(a + i), load(b + i))),
               store_part(out + i, add(load_part(a + i, left), load_part(b + i, left)), left));
}

void scale_row(const float* in, float factor, int64_t n, float* out) {
  const Vec f = set1(factor);
  IX_FOR_LANES(n, store(out + i, mul(load(in + i), f)),
               store_part(out + i, mul(load_part(in + i, left), f), left));
}

void soft_cap(const float* in, float cap, int64_t n, float* out) {
  const Vec c = set1(cap);
  const Vec inverse = set1(1.0F / cap);
  IX_FOR_LANES(n, store(out + i, mul(tanh(mul(load(in + i), inverse)), c)),
               store_part(out + i, mul(tanh(mul(load_part(in + i, left), inverse)), c), left));
}

void blend(float* out, float a, const float* in, float b, int64_t n) {
  const Vec va = set1(a);
  const Vec vb = set1(b);
  IX_FOR_LANES(
      n, store(out + i, fma(load(in + i), vb, mul(load(out + i), va))),
      store_part(out + i, fma(load_part(in + i, left), vb, mul(load_part(out + i, left), va)),
                 left));
}

}  // namespace
