// Q4_K products in double, written from the description in ix/q4_types.h and from nothing of src/;
// random operands.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "ix/ix.h"

namespace ix::capi::test {

// The number that the bits of an FP16 mean, and the FP16 nearest to a number (ties to even).
double half_value(ix_fp16 bits);
ix_fp16 nearest_half(double value);

// Weight i of a block in FP32 arithmetic, before it is rounded to FP16.
float weight(const ix_block_q4_K& block, int i);

struct Operands {
  int64_t m;
  int64_t n;
  int64_t k;
  std::vector<ix_block_q4_K> a;  // [m, k / 256]
  std::vector<ix_fp16> b;        // [k, n]
};
Operands random_operands(int64_t m, int64_t n, int64_t k, unsigned seed);

struct Reference {
  std::vector<double> c;          // [m, n]: A B
  std::vector<double> magnitude;  // [m, n]: |A| |B|
};
Reference multiply(const Operands& operands);

// k u / (1 - k u) with u = 2^-24: the relative error of a sum of k products in FP32, each step
// rounded once (Higham, Accuracy and Stability, 3.1), times |A| |B|.
double gamma(int64_t k);

}  // namespace ix::capi::test
