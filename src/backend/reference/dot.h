// The dot product of the oracle: one fixed order, the same bits on every machine.
#pragma once

#include <algorithm>
#include <cstdint>

namespace ix::backend::reference {

inline constexpr int64_t kDotLanes = 16;
inline constexpr int64_t kDotBlock = 256;

// Sum of a[i] * b[i]. Blocks of 256 columns are summed in float, column i in lane i % 16, so that a
// lane adds at most 16 products; lanes and blocks are added in double, in order. Against a sum in
// double the error is a few units of 2^-24 of sum(|a[i] * b[i]|), whatever n is.
inline float dot(const float* a, const float* b, int64_t n) {
  double total = 0;
  for (int64_t begin = 0; begin < n; begin += kDotBlock) {
    const int64_t end = std::min(begin + kDotBlock, n);
    float lanes[kDotLanes] = {};
    int64_t i = begin;
    for (; i + kDotLanes <= end; i += kDotLanes) {
      for (int64_t lane = 0; lane < kDotLanes; ++lane) lanes[lane] += a[i + lane] * b[i + lane];
    }
    for (int64_t lane = 0; i < end; ++i, ++lane) lanes[lane] += a[i] * b[i];
    double block = 0;
    for (const float lane : lanes) block += static_cast<double>(lane);
    total += block;
  }
  return static_cast<float>(total);
}

}  // namespace ix::backend::reference
