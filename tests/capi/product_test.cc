// Values of the products, and that every way to a product gives the same bits.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <thread>
#include <vector>

#include "capi/reference.h"
#include "capi/results.h"
#include "ix/inferentia.h"

namespace ix::capi::test {
namespace {

// C of the plain call on dense operands.
std::vector<float> plain(const Operands& o, const ix_gemm_options* options = nullptr) {
  std::vector<float> c = untouched(o.m * o.n);
  EXPECT_EQ(ix_gemm_q4_K(o.a.data(), o.b.data(), c.data(), o.m, o.n, o.k, options, nullptr), IX_OK)
      << ix_last_error();
  return c;
}

ix_gemm_options fast_options() {
  ix_gemm_options options = IX_GEMM_OPTIONS_INIT;
  options.precision = IX_PRECISION_FAST;
  return options;
}

TEST(Product, ExactIsWithinTheErrorBoundOfFp32Sums) {
  for (const auto& [m, n, k] :
       {std::tuple{1, 1, 256}, {33, 13, 512}, {64, 24, 1024}, {5, 40, 2048}}) {
    const Operands o = random_operands(m, n, k, 7);
    expect_product(plain(o), multiply(o), k);
  }
}

// |A B| with B off by half a step of its blocks: step <= max |b| / 127, and |b| <= 6 here.
TEST(Product, FastIsWithinHalfAQuantisationStepOfB) {
  const Operands o = random_operands(40, 9, 768, 8);
  const Reference reference = multiply(o);
  double greatest = 0;
  for (ix_fp16 b : o.b) greatest = std::max(greatest, std::fabs(half_value(b)));
  const ix_gemm_options options = fast_options();
  const std::vector<float> c = plain(o, &options);
  for (int64_t r = 0; r < o.m; ++r) {
    double weights = 0;  // sum of |w|, unrounded weights differ by 2^-11 of it
    for (int64_t k = 0; k < o.k; ++k) {
      weights += std::fabs(
          weight(o.a[static_cast<size_t>(r * (o.k / 256) + k / 256)], static_cast<int>(k % 256)));
    }
    const double bound = weights * greatest * (0.5 / 127 + 0x1p-11 + gamma(o.k));
    for (int64_t j = 0; j < o.n; ++j) {
      const auto i = static_cast<size_t>(r * o.n + j);
      ASSERT_LE(std::fabs(c[i] - reference.c[i]), bound) << i;
    }
  }
}

TEST(Product, LeadingDimensionsAndTransposedBChangeNoBitAndNothingBetweenRows) {
  const Operands o = random_operands(35, 17, 512, 9);
  const int64_t lda = 5;
  const int64_t ldc = 21;
  std::vector<ix_block_q4_K> a(static_cast<size_t>(o.m * lda));
  for (int64_t r = 0; r < o.m; ++r) {
    std::copy_n(o.a.data() + r * 2, 2, a.data() + r * lda);
  }
  for (int32_t precision : {IX_PRECISION_EXACT, IX_PRECISION_FAST}) {
    for (int32_t transposed : {0, 1}) {
      ix_gemm_options dense = IX_GEMM_OPTIONS_INIT;
      dense.precision = precision;
      const std::vector<float> expected = plain(o, &dense);
      ix_gemm_options options = dense;
      options.b_transposed = transposed;
      options.lda = lda;
      options.ldb = transposed != 0 ? 600 : 19;
      options.ldc = ldc;
      std::vector<ix_fp16> b(static_cast<size_t>((transposed != 0 ? o.n : o.k) * options.ldb));
      for (int64_t k = 0; k < o.k; ++k) {
        for (int64_t j = 0; j < o.n; ++j) {
          b[static_cast<size_t>(transposed != 0 ? j * options.ldb + k : k * options.ldb + j)] =
              o.b[static_cast<size_t>(k * o.n + j)];
        }
      }
      std::vector<float> c = untouched(o.m * ldc);
      ASSERT_EQ(ix_gemm_q4_K(a.data(), b.data(), c.data(), o.m, o.n, o.k, &options, nullptr), IX_OK)
          << ix_last_error();
      for (int64_t r = 0; r < o.m; ++r) {
        for (int64_t j = 0; j < ldc; ++j) {
          const float want = j < o.n ? expected[static_cast<size_t>(r * o.n + j)] : kUntouched;
          ASSERT_EQ(c[static_cast<size_t>(r * ldc + j)], want) << r << ", " << j;
        }
      }
    }
  }
}

TEST(Product, PackedWeightsGiveTheSameBits) {
  const Operands o = random_operands(50, 30, 768, 10);
  for (int32_t precision : {IX_PRECISION_EXACT, IX_PRECISION_FAST}) {
    ix_gemm_options options = IX_GEMM_OPTIONS_INIT;
    options.precision = precision;
    const std::vector<float> expected = plain(o, &options);
    ix_gemm_weights* weights = nullptr;
    ASSERT_EQ(ix_gemm_pack(o.a.data(), o.m, o.k, &options, &weights), IX_OK);
    for (int repeat = 0; repeat < 2; ++repeat) {
      std::vector<float> c = untouched(o.m * o.n);
      ASSERT_EQ(ix_gemm_packed(weights, o.b.data(), c.data(), o.n, nullptr, nullptr), IX_OK);
      expect_same_bits(c, expected);
    }
    EXPECT_EQ(ix_gemm_weights_free(weights), IX_OK);
  }
}

TEST(Product, AColumnIsTheSameBitsWhateverTheOthers) {
  const Operands o = random_operands(37, 33, 512, 11);
  for (int32_t precision : {IX_PRECISION_EXACT, IX_PRECISION_FAST}) {
    ix_gemm_options options = IX_GEMM_OPTIONS_INIT;
    options.precision = precision;
    const std::vector<float> all = plain(o, &options);
    options.ldb = o.n;
    options.ldc = o.n;
    for (int64_t n = 1; n <= o.n; ++n) {
      for (int64_t first : {int64_t{0}, o.n - n}) {
        std::vector<float> c = all;
        for (int64_t r = 0; r < o.m; ++r) std::fill_n(c.data() + r * o.n + first, n, kUntouched);
        ASSERT_EQ(ix_gemm_q4_K(o.a.data(), o.b.data() + first, c.data() + first, o.m, n, o.k,
                               &options, nullptr),
                  IX_OK);
        expect_same_bits(c, all);
      }
    }
  }
}

TEST(Product, InfinitiesAndNanAreThoseOfIeee) {
  Operands o = random_operands(2, 3, 256, 12);
  ix_block_q4_K& block = o.a[0];
  std::memset(&block, 0, sizeof(block));
  block.d = 0x3c00;     // 1
  block.scales[0] = 1;  // sub-block 0: scale 1, min 0
  block.qs[0] = 1;      // weight 0 is 1, all others 0
  o.a[1] = block;
  o.a[1].d = 0x7bff;  // 65504
  o.a[1].qs[0] = 2;   // 131008 rounds to infinity
  std::fill(o.b.begin(), o.b.end(), ix_fp16{0});
  o.b[0] = 0x7c00;  // B[0] = inf, 1, 0
  o.b[1] = 0x3c00;
  const std::vector<float> c = plain(o);
  EXPECT_EQ(c[0], INFINITY);
  EXPECT_EQ(c[1], 1.0F);
  EXPECT_EQ(c[2], 0.0F);
  EXPECT_EQ(c[3], INFINITY);
  EXPECT_EQ(c[4], INFINITY);
  EXPECT_TRUE(std::isnan(c[5]));  // infinity * 0
}

TEST(Product, EmptyShapesDoNothingAndKOfZeroGivesZeros) {
  const std::vector<ix_fp16> b(5 * 256);
  EXPECT_EQ(ix_gemm_q4_K(nullptr, b.data(), nullptr, 0, 5, 256, nullptr, nullptr), IX_OK);
  EXPECT_EQ(ix_gemm_q4_K(nullptr, nullptr, nullptr, 5, 0, 0, nullptr, nullptr), IX_OK);
  std::vector<float> c = untouched(6);
  EXPECT_EQ(ix_gemm_q4_K(nullptr, nullptr, c.data(), 2, 3, 0, nullptr, nullptr), IX_OK);
  expect_same_bits(c, std::vector<float>(6, 0.0F));
}

TEST(Inferentia, EveryEntryPointGivesTheBitsOfThePlainProduct) {
  const Operands o = random_operands(40, 14, 512, 13);
  const std::vector<float> expected = plain(o);
  std::vector<float> c = untouched(o.m * o.n);
  ASSERT_EQ(gemm_q4_K_inferentia(o.a.data(), o.b.data(), c.data(), o.m, o.n, o.k, nullptr, nullptr),
            IX_OK);
  expect_same_bits(c, expected);

  gemm_q4_K_inferentia_cache* cache = nullptr;
  ASSERT_EQ(gemm_q4_K_inferentia_cache_create(o.a.data(), o.m, o.k, &cache), IX_OK);
  c = untouched(o.m * o.n);
  ASSERT_EQ(gemm_q4_K_inferentia_cached(cache, o.b.data(), c.data(), o.n, nullptr, nullptr), IX_OK);
  expect_same_bits(c, expected);
  ASSERT_EQ(gemm_q4_K_inferentia_cache_free(cache), IX_OK);

  c = untouched(o.m * o.n);
  gemm_q4_K_aws_inferentia(o.a.data(), o.b.data(), c.data(), 40, 14, 512, nullptr);
  EXPECT_EQ(ix_last_status(), IX_OK) << ix_last_error();
  expect_same_bits(c, expected);
}

TEST(Inferentia, BatchesShareTheWeights) {
  for (int64_t n : {1, 5, 12}) {
    constexpr int64_t kBatch = 7;
    const Operands o = random_operands(33, n * kBatch, 256, 14);  // B: [batch, k, n]
    std::vector<float> expected = untouched(o.m * o.n);
    std::vector<const ix_fp16*> b;
    std::vector<float> batched = untouched(o.m * o.n);
    std::vector<float*> c;
    for (int64_t i = 0; i < kBatch; ++i) {
      b.push_back(o.b.data() + i * o.k * n);
      c.push_back(batched.data() + i * o.m * n);
      ASSERT_EQ(ix_gemm_q4_K(o.a.data(), b.back(), expected.data() + i * o.m * n, o.m, n, o.k,
                             nullptr, nullptr),
                IX_OK);
    }
    ASSERT_EQ(gemm_q4_K_inferentia_batched(o.a.data(), b.data(), c.data(), o.m, n, o.k, kBatch, 0,
                                           nullptr, nullptr),
              IX_OK);
    expect_same_bits(batched, expected);
    std::vector<float> drop_in = untouched(o.m * o.n);
    gemm_q4_K_aws_inferentia_batch(o.a.data(), o.b.data(), drop_in.data(), 33, static_cast<int>(n),
                                   256, kBatch, nullptr);
    EXPECT_EQ(ix_last_status(), IX_OK);
    expect_same_bits(drop_in, expected);
  }
}

TEST(Inferentia, PipelinesRunEveryRequest) {
  std::vector<Operands> operands;
  std::vector<std::vector<float>> results;
  for (int i = 0; i < 9; ++i) {
    operands.push_back(random_operands(10 + i, 1 + i, 256, static_cast<unsigned>(20 + i)));
    results.push_back(untouched(operands.back().m * operands.back().n));
  }
  std::vector<gemm_q4_K_inferentia_request> requests;
  for (size_t i = 0; i < operands.size(); ++i) {
    const Operands& o = operands[i];
    requests.push_back({sizeof(gemm_q4_K_inferentia_request), o.a.data(), o.b.data(),
                        results[i].data(), o.m, o.n, o.k, nullptr});
  }
  std::vector<const gemm_q4_K_inferentia_request*> pointers;
  for (const gemm_q4_K_inferentia_request& request : requests) pointers.push_back(&request);
  for (int32_t streams : {1, 3, 256}) {
    ASSERT_EQ(gemm_q4_K_inferentia_pipelined(pointers.data(), 9, streams), IX_OK)
        << ix_last_error();
    for (size_t i = 0; i < operands.size(); ++i) {
      expect_same_bits(results[i], plain(operands[i]));
      results[i].assign(results[i].size(), kUntouched);
    }
  }
}

TEST(Inferentia, DequantisesEveryBlockInFp32) {
  const Operands o = random_operands(3, 1, 256 * 100, 15);
  for (int32_t cores : {0, 1, 1000}) {
    std::vector<float> out = untouched(o.m * o.k);
    ASSERT_EQ(dequant_q4_K_inferentia(o.a.data(), out.data(), o.m * o.k / 256, cores), IX_OK);
    for (size_t i = 0; i < out.size(); ++i) {
      ASSERT_EQ(out[i], weight(o.a[i / 256], static_cast<int>(i % 256))) << i;
    }
  }
}

TEST(Product, ThreadsOfTheProgramMayCallAtOnce) {
  const Operands o = random_operands(64, 20, 512, 16);
  const std::vector<float> expected = plain(o);
  std::vector<std::thread> threads;
  std::vector<std::vector<float>> results(8);
  for (std::vector<float>& result : results) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) result = plain(o);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<float>& result : results) expect_same_bits(result, expected);
}

}  // namespace
}  // namespace ix::capi::test
