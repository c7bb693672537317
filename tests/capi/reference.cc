#include "capi/reference.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ix::capi::test {

double half_value(ix_fp16 bits) {
  const int exponent = (bits >> 10) & 31;
  const int mantissa = bits & 1023;
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == 31) {
    return mantissa == 0 ? sign * std::numeric_limits<double>::infinity()
                         : std::numeric_limits<double>::quiet_NaN();
  }
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

ix_fp16 nearest_half(double value) {
  const auto sign = static_cast<ix_fp16>(std::signbit(value) ? 0x8000 : 0);
  if (std::isnan(value)) return 0x7e00;
  const double magnitude = std::fabs(value);
  if (magnitude >= 65520.0) return sign | 0x7c00;
  int exponent = magnitude == 0.0 ? -14 : std::max(std::ilogb(magnitude), -14);
  double units = std::nearbyint(std::ldexp(magnitude, 10 - exponent));  // of the last place
  if (units == 2048.0) {
    units = 1024.0;
    ++exponent;
  }
  const int mantissa = static_cast<int>(units);
  if (mantissa < 1024) return static_cast<ix_fp16>(sign | mantissa);
  return static_cast<ix_fp16>(sign | ((exponent + 15) << 10) | (mantissa - 1024));
}

float weight(const ix_block_q4_K& block, int i) {
  const int j = i / 32;
  const uint8_t* s = block.scales;
  const int sc = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | (s[j - 4] >> 6 << 4);
  const int m = j < 4 ? s[j + 4] & 63 : (s[j + 4] >> 4) | (s[j] >> 6 << 4);
  const uint8_t pair = block.qs[32 * (j / 2) + i % 32];
  const int q = j % 2 == 0 ? pair & 15 : pair >> 4;
  // Both products are exact in double, so that one rounding to float remains, as in FP32.
  return static_cast<float>(half_value(block.d) * sc * q - half_value(block.dmin) * m);
}

Operands random_operands(int64_t m, int64_t n, int64_t k, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  Operands operands = {m, n, k, std::vector<ix_block_q4_K>(static_cast<size_t>(m * k / 256)),
                       std::vector<ix_fp16>(static_cast<size_t>(k * n))};
  for (ix_block_q4_K& block : operands.a) {
    block.d = nearest_half(0.01 * normal(random));
    block.dmin = nearest_half(0.01 * normal(random));
    for (uint8_t& byte : block.scales) byte = static_cast<uint8_t>(random());
    for (uint8_t& byte : block.qs) byte = static_cast<uint8_t>(random());
  }
  for (ix_fp16& value : operands.b) value = nearest_half(normal(random));
  return operands;
}

Reference multiply(const Operands& o) {
  const auto size = static_cast<size_t>(o.m * o.n);
  Reference reference = {std::vector<double>(size), std::vector<double>(size)};
  for (int64_t r = 0; r < o.m; ++r) {
    for (int64_t k = 0; k < o.k; ++k) {
      const ix_block_q4_K& block = o.a[static_cast<size_t>(r * (o.k / 256) + k / 256)];
      const double w = half_value(nearest_half(weight(block, static_cast<int>(k % 256))));
      for (int64_t j = 0; j < o.n; ++j) {
        const double product = w * half_value(o.b[static_cast<size_t>(k * o.n + j)]);
        reference.c[static_cast<size_t>(r * o.n + j)] += product;
        reference.magnitude[static_cast<size_t>(r * o.n + j)] += std::fabs(product);
      }
    }
  }
  return reference;
}

double gamma(int64_t k) {
  const double ku = static_cast<double>(k) * 0x1p-24;
  return ku / (1.0 - ku);
}

}  // namespace ix::capi::test
