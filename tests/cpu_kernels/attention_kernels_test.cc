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

// x as a set keeps it: rounded to the nearest half or bfloat16, even where two are as near.
float rounded(KvForm form, float x) {
  if (form == KvForm::halves) return half_to_float(float_to_half(x));
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
  std::memcpy(&x, &bits, sizeof(x));
  return x;
}

// What a set rounds queries and weights to.
float operand(KvForm form, float x) { return form == KvForm::halves ? x : rounded(form, x); }

enum class Part { keys, values };

// Blocks as a set stores them, one allocation each so that sanitizers see reads past a block, and
// the numbers in them.
struct Blocks {
  Blocks(const AttentionKernels& kernels, Part part, int count, int64_t width, uint32_t seed)
      : numbers(random_floats(static_cast<size_t>(count * kTokens * width), seed)),
        width_(static_cast<size_t>(width)) {
    for (int b = 0; b < count; ++b) {
      data.emplace_back(static_cast<size_t>(width * kTokens), uint16_t{0x7fff});  // NaN
    }
    for (int t = 0; t < count * kTokens; ++t) {
      const float* token = numbers.data() + t * width;
      uint16_t* block = data[static_cast<size_t>(t / kTokens)].data();
      (part == Part::keys ? kernels.store_key : kernels.store_value)(token, width, t % kTokens,
                                                                     block);
    }
    for (const auto& block : data) pointers.push_back(block.data());
    for (float& x : numbers) x = rounded(kernels.form, x);
  }
  float at(int token, int64_t column) const {
    return numbers[static_cast<size_t>(token) * width_ + static_cast<size_t>(column)];
  }

  std::vector<float> numbers;  // [tokens, width], rounded
  std::vector<std::vector<uint16_t>> data;
  std::vector<const uint16_t*> pointers;

 private:
  size_t width_;
};

class AttentionKernelsOf : public ::testing::TestWithParam<Isa> {
 protected:
  const AttentionKernels& kernels() const { return vector_kernels(GetParam()).attention; }

  // [count, stride]
  std::vector<float> prepared(const std::vector<float>& queries, int count, int64_t dim,
                              int64_t stride) const {
    std::vector<float> out(queries.size());
    for (int q = 0; q < count; ++q) {
      kernels().prepare_query(queries.data() + q * stride, dim, out.data() + q * stride);
    }
    return out;
  }

  // Rows of `stride` weights, of which query q sees [first[q], end[q]).
  std::vector<float> prepared_weights(std::vector<float> weights, int64_t stride,
                                      const std::vector<int32_t>& first,
                                      const std::vector<int32_t>& end) const {
    for (size_t q = 0; q < first.size(); ++q) {
      if (first[q] >= end[q]) continue;
      kernels().prepare_weights(weights.data() + static_cast<int64_t>(q) * stride, first[q],
                                end[q]);
    }
    return weights;
  }
};

// Every place of a block by itself: what one number is stored and read back as, and that nothing of
// another token changes.
TEST_P(AttentionKernelsOf, StoresRoundToNearestEvenAndTouchTheirTokenAlone) {
  std::vector<float> value = {0.0F,  -0.0F, 1.0F,     65504.0F, 1.00049F, 1.0015F, -2.5F,
                              6e-5F, 0.1F,  1.01171F, 3.0F,     -1000.3F, 1e-3F};
  const auto more = random_floats(39, 4);
  value.insert(value.end(), more.begin(), more.end());
  for (size_t width = 1; width <= value.size(); width += 3) {
    const auto n = static_cast<int64_t>(width);
    for (int offset = 0; offset < kTokens; ++offset) {
      const std::vector<uint16_t> before(width * kTokens, 0x1234);
      std::vector<uint16_t> keys = before;
      std::vector<uint16_t> values = before;
      kernels().store_key(value.data(), n, offset, keys.data());
      kernels().store_value(value.data(), n, offset, values.data());
      size_t changed = 0;
      for (size_t i = 0; i < keys.size(); ++i) changed += keys[i] != before[i];
      EXPECT_EQ(changed, width);
      changed = 0;
      for (size_t i = 0; i < values.size(); ++i) changed += values[i] != before[i];
      EXPECT_EQ(changed, width);

      // One weight of 1 gives the value back; a query of one 1 gives a column of the key.
      std::vector<float> weights(kTokens, 0.0F);
      weights[static_cast<size_t>(offset)] = 1.0F;
      std::vector<float> out(width, 0.0F);
      const int32_t end = offset + 1;
      kernels().prepare_weights(weights.data(), offset, end);
      const uint16_t* block = values.data();
      kernels().values(weights.data(), kTokens, 1, &offset, &end, &block, n, out.data(), n);
      block = keys.data();
      for (size_t i = 0; i < width; ++i) {
        EXPECT_EQ(out[i], rounded(kernels().form, value[i]));
        std::vector<float> query(width, 0.0F);
        query[i] = 1.0F;
        std::vector<float> scores(kTokens);
        kernels().scores(prepared(query, 1, n, n).data(), n, 1, &block, 1, n, 1.0F, scores.data(),
                         kTokens);
        EXPECT_EQ(scores[static_cast<size_t>(offset)], rounded(kernels().form, value[i]));
      }
    }
  }
}

TEST_P(AttentionKernelsOf, ScoresEveryTokenOfTheBlocks) {
  constexpr int kBlocks = 3;
  for (const int64_t dim : {1, 3, 16, 20, 64, 80, 128, 256}) {
    const Blocks keys(kernels(), Part::keys, kBlocks, dim, 7);
    for (const int count : {1, 2, 3, 4, 5, 9}) {
      const int64_t query_stride = dim + 3;
      const std::vector<float> queries =
          random_floats(static_cast<size_t>(count * query_stride), 3);
      const int64_t stride = kBlocks * kTokens + 5;
      std::vector<float> scores(static_cast<size_t>(count * stride), 99.0F);
      kernels().scores(prepared(queries, count, dim, query_stride).data(), query_stride, count,
                       keys.pointers.data(), kBlocks, dim, 0.25F, scores.data(), stride);
      for (int q = 0; q < count; ++q) {
        for (int t = 0; t < kBlocks * kTokens; ++t) {
          double sum = 0;
          double terms = 0;
          for (int64_t d = 0; d < dim; ++d) {
            const double term =
                double{
                    operand(kernels().form, queries[static_cast<size_t>(q * query_stride + d)])} *
                keys.at(t, d);
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
  const Blocks keys(kernels(), Part::keys, 2, dim, 7);
  const std::vector<float> queries =
      prepared(random_floats(static_cast<size_t>(kQueries * dim), 3), kQueries, dim, dim);
  std::vector<float> together(kQueries * 2 * kTokens);
  kernels().scores(queries.data(), dim, kQueries, keys.pointers.data(), 2, dim, 0.3F,
                   together.data(), 2 * kTokens);
  for (int q = 0; q < kQueries; ++q) {
    std::vector<float> alone(2 * kTokens);
    kernels().scores(queries.data() + q * dim, dim, 1, keys.pointers.data(), 2, dim, 0.3F,
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
      const float sum = kernels().softmax(scores.data(), first, first + n, &maximum);
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
  constexpr int kQueries = 9;
  // Queries 4, 7 and 8 see nothing: their windows lie behind the chunk and before it.
  const std::vector<int32_t> first = {0, 3, 0, 17, 40, 5, 0, 12345, 0};
  const std::vector<int32_t> end = {48, 4, 1, 33, 40, 47, 16, 48, -777};
  for (const int64_t width : {1, 4, 17, 64, 80, 128, 256}) {
    const Blocks values(kernels(), Part::values, kBlocks, width, 5);
    const std::vector<float> weights = random_floats(kQueries * kBlocks * kTokens, 9);
    const int64_t stride = width + 1;
    const std::vector<float> before = random_floats(static_cast<size_t>(kQueries * stride), 11);
    std::vector<float> out = before;
    kernels().values(prepared_weights(weights, kBlocks * kTokens, first, end).data(),
                     kBlocks * kTokens, kQueries, first.data(), end.data(), values.pointers.data(),
                     width, out.data(), stride);
    for (int q = 0; q < kQueries; ++q) {
      for (int64_t c = 0; c < width; ++c) {
        const auto at = static_cast<size_t>(q * stride + c);
        double sum = before[at];
        double terms = std::abs(sum);
        for (int t = first[static_cast<size_t>(q)]; t < end[static_cast<size_t>(q)]; ++t) {
          const double term =
              double{operand(kernels().form,
                             weights[static_cast<size_t>(q * kBlocks * kTokens + t)])} *
              values.at(t, c);
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
  Blocks values(kernels(), Part::values, 2, width, 5);
  const std::vector<float> infinities(static_cast<size_t>(width), INFINITY);
  for (int t = 9; t < kTokens; ++t) {
    kernels().store_value(infinities.data(), width, t, values.data[1].data());
  }
  const std::vector<int32_t> first = {0, 1, 2, 3, 0, 0};
  const std::vector<int32_t> end = {20, 21, 22, 23, 25, 5};
  const std::vector<float> weights =
      prepared_weights(random_floats(kQueries * 2 * kTokens, 9), 2 * kTokens, first, end);
  std::vector<float> together(static_cast<size_t>(kQueries * width), 0.0F);
  kernels().values(weights.data(), 2 * kTokens, kQueries, first.data(), end.data(),
                   values.pointers.data(), width, together.data(), width);
  for (int q = 0; q < kQueries; ++q) {
    std::vector<float> alone(static_cast<size_t>(width), 0.0F);
    kernels().values(weights.data() + q * 2 * kTokens, 2 * kTokens, 1, first.data() + q,
                     end.data() + q, values.pointers.data(), width, alone.data(), width);
    EXPECT_EQ(std::memcmp(alone.data(), together.data() + q * width, alone.size() * sizeof(float)),
              0);
    for (const float x : alone) EXPECT_TRUE(std::isfinite(x));
  }
}

// What a task with several KV heads does: the blocks of a chunk one by one.
TEST_P(AttentionKernelsOf, ValuesAreTheSameBitsBlockByBlock) {
  constexpr int kBlocks = 3;
  constexpr int kQueries = 6;
  for (const int64_t width : {16, 80, 128, 256}) {
    const Blocks values(kernels(), Part::values, kBlocks, width, 5);
    for (const bool alike : {true, false}) {
      const std::vector<int32_t> first =
          alike ? std::vector<int32_t>(kQueries, 2) : std::vector<int32_t>{0, 1, 16, 17, 31, 47};
      const std::vector<int32_t> end =
          alike ? std::vector<int32_t>(kQueries, 48) : std::vector<int32_t>{48, 47, 33, 32, 32, 48};
      const int64_t stride = kBlocks * kTokens;
      const std::vector<float> weights = prepared_weights(
          random_floats(static_cast<size_t>(kQueries * stride), 9), stride, first, end);
      std::vector<float> together(static_cast<size_t>(kQueries * width), 0.5F);
      std::vector<float> blockwise = together;
      kernels().values(weights.data(), stride, kQueries, first.data(), end.data(),
                       values.pointers.data(), width, together.data(), width);
      for (int b = 0; b < kBlocks; ++b) {
        std::vector<int32_t> block_first = first;
        std::vector<int32_t> block_end = end;
        for (int32_t& t : block_first) t = std::max(t, b * kTokens);
        for (int32_t& t : block_end) t = std::min(t, (b + 1) * kTokens);
        std::vector<const uint16_t*> pointers(kBlocks, nullptr);
        pointers[static_cast<size_t>(b)] = values.pointers[static_cast<size_t>(b)];
        kernels().values(weights.data(), stride, kQueries, block_first.data(), block_end.data(),
                         pointers.data(), width, blockwise.data(), width);
      }
      EXPECT_EQ(blockwise, together);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, AttentionKernelsOf,
                         ::testing::ValuesIn(available_isas().begin(), available_isas().end()),
                         [](const auto& isa) { return std::string(to_string(isa.param)); });

}  // namespace
}  // namespace ix::backend::cpu
