// The dot product of the oracle: one fixed order, the same bits on every machine.
#pragma once

#include <algorithm>
#include <cstdint>

namespace ix::backend::reference {

inline constexpr int64_t kDotLanes = 16;
inline constexpr int64_t kDotBlock = 256;

// Sum of a[i] * b[i]. Column i goes to lane i % 16. A lane adds the 16 products of a block of 256
// columns in float and the blocks in double; the lanes are added pairwise in double. Against a sum
// in double the error is a few units of 2^-24 of sum(|a[i] * b[i]|), whatever n is.
inline float dot(const float* a, const float* b, int64_t n) {
  double sums[kDotLanes] = {};
  for (int64_t begin = 0; begin < n; begin += kDotBlock) {
    const int64_t end = std::min(begin + kDotBlock, n);
    float lanes[kDotLanes] = {};
    int64_t i = begin;
    for (; i + kDotLanes <= end; i += kDotLanes) {
      for (int64_t lane = 0; lane < kDotLanes; ++lane) lanes[lane] += a[i + lane] * b[i + lane];
    }
    for (int64_t lane = 0; i < end; ++i, ++lane) lanes[lane] += a[i] * b[i];
    for (int64_t lane = 0; lane < kDotLanes; ++lane) sums[lane] += static_cast<double>(lanes[lane]);
  }
  for (int64_t half = kDotLanes / 2; half > 0; half /= 2) {
    for (int64_t lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
  }
  return static_cast<float>(sums[0]);
}

}  // namespace ix::backend::reference
