// The exact product on every instruction set of this machine: its parts against the portable
// definitions, the whole against double arithmetic, and its bits against all ways to compute it.
#include "backend/cpu/gemm_exact.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "backend/cpu/kernels/gemm_exact_dispatch.h"
#include "base/float16.h"
#include "cpu_kernels/random_matrix.h"

namespace ix::backend::cpu::test {
namespace {

const FileType& q4_k() {
  for (const FileType& type : packed_file_types()) {
    if (type.type == quant::TensorType::q4_k) return type;
  }
  std::abort();
}

Q4KRows rows_of(const FileMatrix& matrix) {
  return {matrix.bytes.data(), matrix.row_bytes(), matrix.rows, matrix.cols};
}

uint16_t any_half(std::mt19937& random) { return static_cast<uint16_t>(random()); }
uint16_t usual_half(std::mt19937& random) {
  return float_to_half(std::normal_distribution<float>()(random));
}

std::vector<uint16_t> halves(int64_t count, std::mt19937& random,
                             uint16_t (*make)(std::mt19937&) = usual_half) {
  std::vector<uint16_t> values(static_cast<size_t>(count));
  for (uint16_t& value : values) value = make(random);
  return values;
}

class ExactTest : public testing::TestWithParam<Isa> {
 protected:
  const ExactKernels& kernels() const { return exact_kernels(GetParam()); }

  std::vector<float> multiply(const FileMatrix& a, const std::vector<uint16_t>& b, int64_t n,
                              int threads = 1, bool packed = false) const {
    std::vector<float> c(static_cast<size_t>(a.rows * n), -1.0F);
    ThreadPool pool(threads);
    GemmWorkspace workspace;
    const GemmOperands operands = {b.data(), c.data()};
    const GemmLayout layout = {n, n, n, false};
    if (packed) {
      Result<HalfMatrix> matrix = HalfMatrix::pack(kernels(), rows_of(a), pool);
      EXPECT_TRUE(matrix.ok());
      EXPECT_TRUE(gemm_exact(kernels(), *matrix, layout, {&operands, 1}, pool, workspace).ok());
    } else {
      EXPECT_TRUE(gemm_exact(kernels(), rows_of(a), layout, {&operands, 1}, pool, workspace).ok());
    }
    return c;
  }
};

TEST_P(ExactTest, WidensEveryHalf) {
  std::vector<uint16_t> in(1 << 16);
  std::iota(in.begin(), in.end(), uint16_t{0});
  for (int64_t n : {1, 7, 15, 16, 17, 1 << 16}) {
    std::vector<float> out(static_cast<size_t>(n) + 1, -1.0F);
    kernels().widen(in.data(), n, out.data());
    for (int64_t i = 0; i < n; ++i) {
      const float expected = half_to_float(in[static_cast<size_t>(i)]);
      const float got = out[static_cast<size_t>(i)];
      if (std::isnan(expected)) {
        ASSERT_TRUE(std::isnan(got)) << i;
      } else {
        ASSERT_EQ(std::bit_cast<uint32_t>(got), std::bit_cast<uint32_t>(expected)) << i;
      }
    }
    EXPECT_EQ(out.back(), -1.0F);
  }
}

TEST_P(ExactTest, DequantisesToTheNearestHalf) {
  std::mt19937 random(1);
  for (Values values : {Values::usual, Values::extreme, Values::greatest}) {
    for (int rows : {1, 5, 31, 32}) {
      FileMatrix matrix = random_matrix(q4_k(), rows, 512, values, random);
      if (values == Values::extreme) {  // infinities and NaN too
        for (int r = 0; r < rows; ++r) {
          const uint16_t special[] = {0x7c00, 0xfc00, 0x7e00, 0x7bff};
          std::memcpy(matrix.bytes.data() + r * matrix.row_bytes() + 144 + 2 * (r % 2),
                      &special[r % 4], 2);
        }
      }
      for (int block = 0; block < 2; ++block) {
        std::vector<uint16_t> panel(kExactDepth * kExactRows, 0x1234);
        kernels().dequantize(matrix.bytes.data() + block * 144, matrix.row_bytes(), rows,
                             panel.data());
        for (int r = 0; r < kExactRows; ++r) {
          const std::vector<float> row = r < rows ? matrix.row(r) : std::vector<float>(512, 0.0F);
          for (int k = 0; k < kExactDepth; ++k) {
            const uint16_t expected = float_to_half(row[static_cast<size_t>(256 * block + k)]);
            const uint16_t got = panel[static_cast<size_t>(k * kExactRows + r)];
            if (std::isnan(half_to_float(expected))) {
              ASSERT_TRUE(std::isnan(half_to_float(got))) << r << ", " << k;
            } else {
              ASSERT_EQ(got, expected) << r << ", " << k;
            }
          }
        }
      }
    }
  }
}

TEST_P(ExactTest, PacksBothLayoutsOfB) {
  std::mt19937 random(2);
  for (int columns = 1; columns <= kExactColumns; ++columns) {
    for (int width = columns; width <= kExactColumns; ++width) {
      constexpr int64_t kStride = 300;
      const std::vector<uint16_t> b = halves(kStride * kExactDepth, random);
      for (bool transposed : {false, true}) {
        std::vector<float> tile(static_cast<size_t>(kExactDepth * width), -1.0F);
        const auto pack = transposed ? kernels().pack_columns : kernels().pack_rows;
        pack(b.data(), kStride, kExactDepth, columns, width, tile.data());
        for (int k = 0; k < kExactDepth; ++k) {
          for (int j = 0; j < width; ++j) {
            const int64_t at = transposed ? j * kStride + k : k * kStride + j;
            ASSERT_EQ(tile[static_cast<size_t>(k * width + j)],
                      j < columns ? half_to_float(b[static_cast<size_t>(at)]) : -1.0F);
          }
        }
      }
    }
  }
}

// A sum of K products, each step rounded once, is within gamma(K) = K u / (1 - K u), u = 2^-24, of
// sum |a| |b| (Higham, Accuracy and Stability of Numerical Algorithms, 3.1). Products of halves are
// exact in double, and so, for the K here, is their sum to far below that.
TEST_P(ExactTest, IsWithinTheErrorBoundOfFp32Sums) {
  EXPECT_TRUE(rc::check("exact product", [&] {
    std::mt19937 random(*rc::gen::arbitrary<unsigned>());
    const auto m = *rc::gen::inRange<int64_t>(1, 80);
    const auto n = *rc::gen::inRange<int64_t>(1, 40);
    const auto k = 256 * *rc::gen::inRange<int64_t>(1, 5);
    const Values values = *rc::gen::element(Values::usual, Values::extreme, Values::greatest);
    const FileMatrix a = random_matrix(q4_k(), m, k, values, random);
    const bool finite = *rc::gen::arbitrary<bool>();
    const std::vector<uint16_t> b = halves(k * n, random, finite ? usual_half : any_half);
    const std::vector<float> c = multiply(a, b, n, 2, *rc::gen::arbitrary<bool>());
    const double ku = static_cast<double>(k) * 0x1p-24;
    for (int64_t r = 0; r < m; ++r) {
      const std::vector<float> row = a.row(r);
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        double magnitude = 0;
        for (int64_t i = 0; i < k; ++i) {
          const double weight = half_to_float(float_to_half(row[static_cast<size_t>(i)]));
          const double product = weight * half_to_float(b[static_cast<size_t>(i * n + j)]);
          sum += product;
          magnitude += std::fabs(product);
        }
        const double got = c[static_cast<size_t>(r * n + j)];
        if (std::isnan(sum)) {
          RC_ASSERT(std::isnan(got));
        } else if (std::isinf(sum)) {
          RC_ASSERT(got == sum);
        } else {
          RC_ASSERT(std::fabs(got - sum) <= ku / (1 - ku) * magnitude);
        }
      }
    }
  }));
}

TEST_P(ExactTest, BitsDependOnNothingButTheRowAndTheColumn) {
  std::mt19937 random(3);
  constexpr int64_t kColumns = 40;
  const FileMatrix a = random_matrix(q4_k(), 70, 768, Values::usual, random);
  const std::vector<uint16_t> b = halves(768 * kColumns, random);
  const std::vector<float> all = multiply(a, b, kColumns);
  for (int threads : {1, 2, 3}) {
    for (bool packed : {false, true}) {
      for (int64_t n = 1; n <= kColumns; ++n) {
        std::vector<uint16_t> some(static_cast<size_t>(768 * n));
        for (int64_t k = 0; k < 768; ++k) {
          std::copy_n(b.data() + k * kColumns + (kColumns - n), n, some.data() + k * n);
        }
        const std::vector<float> c = multiply(a, some, n, threads, packed);
        for (int64_t r = 0; r < a.rows; ++r) {
          ASSERT_EQ(std::memcmp(c.data() + r * n, all.data() + r * kColumns + (kColumns - n),
                                static_cast<size_t>(n) * sizeof(float)),
                    0)
              << "n " << n << ", row " << r << ", threads " << threads;
        }
      }
    }
  }
}

// More columns than one pass holds (16 MiB of widened columns), and few rows, whose columns are
// shared among tasks.
TEST_P(ExactTest, PassesAndSharedColumnsChangeNoBit) {
  std::mt19937 random(4);
  constexpr int64_t kCols = 8192;
  constexpr int64_t kColumns = 1030;
  const FileMatrix a = random_matrix(q4_k(), 3, kCols, Values::usual, random);
  const std::vector<uint16_t> b = halves(kCols * kColumns, random);
  const std::vector<float> all = multiply(a, b, kColumns, 2);
  for (int64_t j : {int64_t{0}, int64_t{503}, int64_t{504}, int64_t{700}, kColumns - 1}) {
    std::vector<uint16_t> column(static_cast<size_t>(kCols));
    for (int64_t k = 0; k < kCols; ++k) {
      column[static_cast<size_t>(k)] = b[static_cast<size_t>(k * kColumns + j)];
    }
    const std::vector<float> c = multiply(a, column, 1);
    for (int64_t r = 0; r < 3; ++r) {
      EXPECT_EQ(c[static_cast<size_t>(r)], all[static_cast<size_t>(r * kColumns + j)]) << r;
    }
  }
}

TEST_P(ExactTest, BatchesAreTheirProducts) {
  std::mt19937 random(5);
  constexpr int64_t kBatch = 9;
  const FileMatrix a = random_matrix(q4_k(), 40, 512, Values::usual, random);
  for (int64_t n : {1, 5, 13}) {
    const std::vector<uint16_t> b = halves(kBatch * 512 * n, random);
    std::vector<float> c(static_cast<size_t>(kBatch * 40 * n), -1.0F);
    std::vector<GemmOperands> batch;
    for (int64_t i = 0; i < kBatch; ++i) {
      batch.push_back({b.data() + i * 512 * n, c.data() + i * 40 * n});
    }
    ThreadPool pool(2);
    GemmWorkspace workspace;
    ASSERT_TRUE(gemm_exact(kernels(), rows_of(a), {n, n, n, false}, batch, pool, workspace).ok());
    for (int64_t i = 0; i < kBatch; ++i) {
      const std::vector<uint16_t> one(batch[static_cast<size_t>(i)].b,
                                      batch[static_cast<size_t>(i)].b + 512 * n);
      const std::vector<float> expected = multiply(a, one, n);
      EXPECT_EQ(std::memcmp(batch[static_cast<size_t>(i)].c, expected.data(),
                            expected.size() * sizeof(float)),
                0);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, ExactTest,
                         testing::ValuesIn(available_isas().begin(), available_isas().end()),
                         [](const auto& isa) { return std::string(to_string(isa.param)); });

// Sets with fused multiply-adds round alike.
TEST(ExactSets, FusedSetsGiveTheSameBits) {
  std::mt19937 random(6);
  const FileMatrix a = random_matrix(q4_k(), 65, 512, Values::usual, random);
  const std::vector<uint16_t> b = halves(512 * 25, random);
  std::vector<std::vector<float>> results;
  for (Isa isa : available_isas()) {
    if (isa == Isa::generic) continue;
    ThreadPool pool(1);
    GemmWorkspace workspace;
    std::vector<float>& c = results.emplace_back(65 * 25);
    const GemmOperands operands = {b.data(), c.data()};
    ASSERT_TRUE(gemm_exact(exact_kernels(isa), rows_of(a), {25, 25, 25, false}, {&operands, 1},
                           pool, workspace)
                    .ok());
  }
  for (size_t i = 1; i < results.size(); ++i) EXPECT_EQ(results[i], results[0]);
}

}  // namespace
}  // namespace ix::backend::cpu::test
