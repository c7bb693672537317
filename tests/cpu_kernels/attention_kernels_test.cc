// The attention kernels of every instruction set this machine has, against sums in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "backend/cpu/kernels/vector_dispatch.h"
#include "base/float16.h"

namespace ix::backend::cpu {
namespace {

constexpr int kTokens = kBlockTokens;

std::vector<float> random_floats(size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> value;
  std::vector<float> out(n);
  for (float& x : out) x = value(random);
  return out;
}

// Blocks of halves, one allocation each so that sanitizers see reads past a block.
struct Blocks {
  Blocks(int count, int64_t width, uint32_t seed) {
    for (int b = 0; b < count; ++b) {
      std::vector<uint16_t> block;
      for (const float x :
           random_floats(static_cast<size_t>(width * kTokens), seed + static_cast<uint32_t>(b))) {
        block.push_back(float_to_half(x));
      }
      data.push_back(std::move(block));
    }
    for (const auto& block : data) pointers.push_back(block.data());
  }
  std::vector<std::vector<uint16_t>> data;
  std::vector<const uint16_t*> pointers;
};

class AttentionKernelsOf : public ::testing::TestWithParam<Isa> {
 protected:
  const VectorKernels& kernels() const { return vector_kernels(GetParam()); }
};

TEST_P(AttentionKernelsOf, ScoresEveryTokenOfTheBlocks) {
  constexpr int kBlocks = 3;
  for (const int64_t dim : {1, 3, 16, 20, 64, 80, 128, 256}) {
    const Blocks keys(kBlocks, dim, 7);
    for (const int count : {1, 2, 3, 4, 5, 9}) {
      const int64_t query_stride = dim + 3;
      const std::vector<float> queries =
          random_floats(static_cast<size_t>(count * query_stride), 3);
      const int64_t stride = kBlocks * kTokens + 5;
      std::vector<float> scores(static_cast<size_t>(count * stride), 99.0F);
      kernels().attention_scores(queries.data(), query_stride, count, keys.pointers.data(), kBlocks,
                                 dim, 0.25F, scores.data(), stride);
      for (int q = 0; q < count; ++q) {
        for (int t = 0; t < kBlocks * kTokens; ++t) {
          double sum = 0;
          double terms = 0;
          for (int64_t d = 0; d < dim; ++d) {
            const double term =
                static_cast<double>(queries[static_cast<size_t>(q * query_stride + d)]) *
                half_to_float(keys.data[static_cast<size_t>(t / kTokens)]
                                       [static_cast<size_t>(d * kTokens + t % kTokens)]);
            sum += term;
            terms += std::abs(term);
          }
          EXPECT_NEAR(scores[static_cast<size_t>(q * stride + t)], 0.25 * sum, 1e-6 * terms + 1e-9);
        }
        EXPECT_EQ(scores[static_cast<size_t>(q * stride + kBlocks * kTokens)], 99.0F);
      }
    }
  }
}

TEST_P(AttentionKernelsOf, ScoresAreTheSameBitsWhateverSharesThePass) {
  constexpr int kQueries = 9;
  const int64_t dim = 80;
  const Blocks keys(2, dim, 7);
  const std::vector<float> queries = random_floats(static_cast<size_t>(kQueries * dim), 3);
  std::vector<float> together(kQueries * 2 * kTokens);
  kernels().attention_scores(queries.data(), dim, kQueries, keys.pointers.data(), 2, dim, 0.3F,
                             together.data(), 2 * kTokens);
  for (int q = 0; q < kQueries; ++q) {
    std::vector<float> alone(2 * kTokens);
    kernels().attention_scores(queries.data() + q * dim, dim, 1, keys.pointers.data(), 2, dim, 0.3F,
                               alone.data(), 2 * kTokens);
    EXPECT_EQ(
        std::memcmp(alone.data(), together.data() + q * 2 * kTokens, alone.size() * sizeof(float)),
        0);
  }
}

TEST_P(AttentionKernelsOf, SoftmaxIsThatOfLibmAndLeavesTheRestAlone) {
  for (const int first : {0, 1, 5, 16, 200}) {
    for (const int n : {1, 2, 7, 16, 17, 40, 56}) {
      std::vector<float> scores = random_floats(256, static_cast<uint32_t>(n));
      for (float& s : scores) s *= 10.0F;
      const std::vector<float> before = scores;
      float maximum = 0;
      const float sum = kernels().attention_softmax(scores.data(), first, first + n, &maximum);
      const auto begin = before.begin() + first;
      const double expected_maximum = *std::max_element(begin, begin + n);
      EXPECT_EQ(maximum, expected_maximum);
      double expected_sum = 0;
      for (int t = 0; t < 256; ++t) {
        const auto i = static_cast<size_t>(t);
        if (t < first || t >= first + n) {
          EXPECT_EQ(scores[i], before[i]);
          continue;
        }
        const double p = std::exp(static_cast<double>(before[i]) - expected_maximum);
        // The difference is rounded to float before the exponential: half a unit of up to 2^6.
        EXPECT_NEAR(scores[i], p, 5e-6 * p);
        expected_sum += p;
      }
      EXPECT_NEAR(sum, expected_sum, 1e-5 * expected_sum);
    }
  }
}

TEST_P(AttentionKernelsOf, AddsVisibleValuesOnly) {
  constexpr int kBlocks = 3;
  constexpr int kQueries = 7;
  const std::vector<int32_t> first = {0, 3, 0, 17, 40, 5, 0};
  const std::vector<int32_t> end = {48, 4, 1, 33, 40, 47, 16};  // query 4 sees nothing
  for (const int64_t width : {1, 4, 17, 64, 80, 128, 256}) {
    Blocks values(kBlocks, width, 5);
    const std::vector<float> weights = random_floats(kQueries * kBlocks * kTokens, 9);
    const int64_t stride = width + 1;
    const std::vector<float> before = random_floats(static_cast<size_t>(kQueries * stride), 11);
    std::vector<float> out = before;
    kernels().attention_values(weights.data(), kBlocks * kTokens, kQueries, first.data(),
                               end.data(), values.pointers.data(), width, out.data(), stride);
    for (int q = 0; q < kQueries; ++q) {
      for (int64_t c = 0; c < width; ++c) {
        const auto at = static_cast<size_t>(q * stride + c);
        double sum = before[at];
        double terms = std::abs(sum);
        for (int t = first[static_cast<size_t>(q)]; t < end[static_cast<size_t>(q)]; ++t) {
          const double term =
              static_cast<double>(weights[static_cast<size_t>(q * kBlocks * kTokens + t)]) *
              half_to_float(values.data[static_cast<size_t>(t / kTokens)]
                                       [static_cast<size_t>((t % kTokens) * width + c)]);
          sum += term;
          terms += std::abs(term);
        }
        EXPECT_NEAR(out[at], sum, 2e-6 * terms);
      }
      EXPECT_EQ(out[static_cast<size_t>(q * stride + width)],
                before[static_cast<size_t>(q * stride + width)]);
    }
  }
}

// Infinities of tokens that a query does not see must not reach it, and a query's bits must not
// depend on which queries share its pass.
TEST_P(AttentionKernelsOf, ValuesAreTheSameBitsWhateverSharesThePass) {
  constexpr int kQueries = 6;
  const int64_t width = 80;
  Blocks values(2, width, 5);
  std::fill_n(values.data[1].begin() + 10 * width, 6 * width, uint16_t{0x7c00});
  const std::vector<int32_t> first = {0, 1, 2, 3, 0, 0};
  const std::vector<int32_t> end = {20, 21, 22, 23, 26, 5};
  const std::vector<float> weights = random_floats(kQueries * 2 * kTokens, 9);
  std::vector<float> together(static_cast<size_t>(kQueries * width), 0.0F);
  kernels().attention_values(weights.data(), 2 * kTokens, kQueries, first.data(), end.data(),
                             values.pointers.data(), width, together.data(), width);
  for (int q = 0; q < kQueries; ++q) {
    std::vector<float> alone(static_cast<size_t>(width), 0.0F);
    kernels().attention_values(weights.data() + q * 2 * kTokens, 2 * kTokens, 1, first.data() + q,
                               end.data() + q, values.pointers.data(), width, alone.data(), width);
    EXPECT_EQ(std::memcmp(alone.data(), together.data() + q * width, alone.size() * sizeof(float)),
              0);
    for (const float x : alone) EXPECT_TRUE(std::isfinite(x));
  }
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, AttentionKernelsOf,
                         ::testing::ValuesIn(available_isas().begin(), available_isas().end()),
                         [](const auto& isa) { return std::string(to_string(isa.param)); });

}  // namespace
}  // namespace ix::backend::cpu
