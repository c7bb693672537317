// Every matrix kernel on every instruction set of this machine against double arithmetic.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "backend/cpu/kernels/matrix_dispatch.h"
#include "backend/cpu/packed_matrix.h"
#include "base/float16.h"
#include "base/page_buffer.h"
#include "cpu_kernels/random_matrix.h"
#include "quant/blocks.h"

namespace ix::backend::cpu {

#if defined(__x86_64__)
// matrix_avx2vnni.cc built for AVX-512's form of its instructions.
extern const MatrixKernels kMatrixKernelsAvx2VnniByAvx512;
#endif

namespace test {
namespace {

// Rows [n, cols] quantised, block by block.
struct Activations {
  ActivationKind kind;
  int64_t n;
  std::vector<uint8_t> bytes;

  // Rows [first, first + count) on their own.
  Activations slice(int64_t first, int64_t count) const {
    const auto block = static_cast<size_t>(activation_block_bytes(kind));
    Activations out{kind, count, {}};
    for (size_t at = static_cast<size_t>(first) * block; at < bytes.size();
         at += static_cast<size_t>(n) * block) {
      out.bytes.insert(
          out.bytes.end(), bytes.begin() + static_cast<int64_t>(at),
          bytes.begin() + static_cast<int64_t>(at + static_cast<size_t>(count) * block));
    }
    return out;
  }
};

Activations quantize(const MatrixKernels& kernels, ActivationKind kind, const std::vector<float>& x,
                     int64_t n, int64_t cols) {
  Activations out{kind, n,
                  std::vector<uint8_t>(static_cast<size_t>(activation_bytes(kind, cols, n)))};
  for (int64_t j = 0; j < n; ++j) {
    quantize_row(kernels.quantize[static_cast<int>(kind)], kind, x.data() + j * cols, cols, j, n,
                 out.bytes.data());
  }
  return out;
}

PackedMatrix packed(const FileMatrix& matrix) {
  ThreadPool pool(1);
  Result<PackedMatrix> result = PackedMatrix::pack(matrix.view(), pool);
  EXPECT_TRUE(result.ok()) << result.status().message();
  return *std::move(result);
}

// [n, rows] with a sentinel behind each row, which no kernel may touch.
constexpr float kUntouched = 12345.0f;
struct Output {
  int64_t stride;
  std::vector<float> values;
  Output(int64_t n, int64_t rows)
      : stride(rows + 3), values(static_cast<size_t>(n * stride), kUntouched) {}
  float at(int64_t j, int64_t row) const { return values[static_cast<size_t>(j * stride + row)]; }
};

// What products work in, filled with what no sum may start from.
class Scratch {
 public:
  Scratch(const MatrixKernels& kernels, int threads) {
    Result<PageBuffer> buffer =
        PageBuffer::reserve(static_cast<uint64_t>(threads * kernels.scratch_bytes));
    EXPECT_TRUE(buffer.ok()) << buffer.status().message();
    buffer_ = *std::move(buffer);
    if (buffer_.size() > 0) std::memset(buffer_.data(), 0x7f, buffer_.size());
  }
  std::byte* data() const { return buffer_.data(); }

 private:
  PageBuffer buffer_;
};

struct KernelSet {
  std::string name;
  const MatrixKernels* kernels;
};

class MatmulTest : public testing::TestWithParam<std::tuple<KernelSet, const FileType*>> {
 protected:
  const MatrixKernels& kernels() const { return *std::get<0>(GetParam()).kernels; }
  const FileType& type() const { return *std::get<1>(GetParam()); }

  Output multiply(const PackedMatrix& weights, const Activations& x, int64_t n) const {
    return multiply(kernels(), weights, x, n);
  }
  static Output multiply(const MatrixKernels& kernels, const PackedMatrix& weights,
                         const Activations& x, int64_t n) {
    Output out(n, weights.rows());
    weights.matmul(kernels, 0, weights.panels(), x.bytes.data(), n, out.values.data(), out.stride,
                   Scratch(kernels, 1).data());
    return out;
  }
};

struct Case {
  int64_t rows;
  int64_t blocks;
  int64_t n;
  Values values;
  unsigned seed;
};

Case any_case() {
  // Beyond 32 activation rows AMX has several units.
  const int64_t most = *rc::gen::element<int64_t>(34, 34, 34, 80);
  return {*rc::gen::inRange<int64_t>(1, 40), *rc::gen::inRange<int64_t>(1, 6),
          *rc::gen::inRange<int64_t>(1, most),
          *rc::gen::element(Values::usual, Values::extreme, Values::greatest),
          *rc::gen::arbitrary<unsigned>()};
}

// What meets in the sums of a row of weights with activations a: magnitudes of the parts.
double magnitude(const FileMatrix& matrix, int64_t r, const std::vector<float>& a) {
  const std::vector<float> row = matrix.row(r);
  double sum = 0;
  for (size_t k = 0; k < row.size(); ++k) {
    const double w = std::abs(row[k]) + 2 * matrix.largest_min(r, static_cast<int64_t>(k));
    sum += w * std::abs(a[k]);
  }
  return sum;
}

// Every float operation on the way of a product (at most 16 sub-blocks and 4 more a block, or 32
// sums of products a block of 16-bit weights, and the rounding of the reference's own weight or of
// a product) may be off by 2^-24 of the magnitudes that meet there.
double tolerance(ActivationKind kind, double magnitude, int64_t blocks) {
  const int64_t operations = kind == ActivationKind::f32 ? 32 : 20;
  return magnitude * static_cast<double>(operations * blocks + 4) * 0x1p-24 +
         static_cast<double>(blocks) * 32 * std::numeric_limits<float>::denorm_min();
}

// Bits that a set leaves out of the integer sums of sub-blocks (WordPairs in
// matrix_blocks_k_avx512vnni.h), and the columns of such a sub-block.
struct Dropped {
  int bits = 0;
  int columns = 0;
};
Dropped dropped(const std::string& set, quant::TensorType type) {
  if (!set.starts_with("avx512")) return {};
  if (type == quant::TensorType::q4_k) return {1, 32};
  if (type == quant::TensorType::q5_k) return {2, 32};
  if (type == quant::TensorType::q6_k) return {1, 16};
  return {};
}

// What dropping them may change: each sum by half of what the lowest kept bit is worth.
double dropped_magnitude(const Dropped& drop, const FileMatrix& matrix, int64_t r,
                         const Activations& x, int64_t j) {
  if (drop.bits == 0) return 0.0;
  const auto* blocks = reinterpret_cast<const Q8Block256*>(x.bytes.data());
  double sum = 0;
  for (int64_t k = 0; k < matrix.cols; k += drop.columns) {
    const double x_scale = std::abs(blocks[k / 256 * x.n + j].scale);
    sum += matrix.largest_scale(r, k) * x_scale * (1 << drop.bits) / 2;
  }
  return sum;
}

TEST_P(MatmulTest, EqualsDoubleArithmeticOnWhatWasQuantised) {
  EXPECT_TRUE(rc::check([this] {
    const Case c = any_case();
    std::mt19937 random(c.seed);
    const int64_t cols = c.blocks * type().block_cols;
    const FileMatrix matrix = random_matrix(type(), c.rows, cols, c.values, random);
    const std::vector<float> x = random_activations(c.n, cols, c.values, random);
    const PackedMatrix weights = packed(matrix);
    const Activations quantized = quantize(kernels(), weights.activation(), x, c.n, cols);
    const Output out = multiply(weights, quantized, c.n);

    const Dropped drop = dropped(std::get<0>(GetParam()).name, type().type);
    std::vector<std::vector<float>> back;
    for (int64_t j = 0; j < c.n; ++j) {
      back.push_back(
          dequantize_activations(weights.activation(), quantized.slice(j, 1).bytes.data(), cols));
    }
    for (int64_t r = 0; r < c.rows; ++r) {
      const std::vector<float> row = matrix.row(r);
      for (int64_t j = 0; j < c.n; ++j) {
        const std::vector<float>& a = back[static_cast<size_t>(j)];
        double sum = 0;
        for (size_t k = 0; k < row.size(); ++k) sum += double{row[k]} * double{a[k]};
        if (std::abs(out.at(j, r) - sum) >
            tolerance(weights.activation(), magnitude(matrix, r, a), c.blocks) +
                dropped_magnitude(drop, matrix, r, quantized, j)) {
          RC_FAIL("row " + std::to_string(r) + " of column " + std::to_string(j) + ": " +
                  std::to_string(out.at(j, r)) + ", expected " + std::to_string(sum));
        }
      }
    }
    for (int64_t j = 0; j < c.n; ++j) {
      for (int64_t i = c.rows; i < out.stride; ++i) RC_ASSERT(out.at(j, i) == kUntouched);
    }
  }));
}

// Scales that are all positive: what always goes in one direction adds up.
TEST_P(MatmulTest, WhatIsDroppedIsNothingOnAverage) {
  if (dropped(std::get<0>(GetParam()).name, type().type).bits == 0) return;
  std::mt19937 random(9);
  const int64_t rows = 512;
  const int64_t cols = 16 * type().block_cols;
  FileMatrix matrix = random_matrix(type(), rows, cols, Values::usual, random);
  const uint16_t one = float_to_half(1.0f);
  for (int64_t block = 0; block < rows * cols / type().block_cols; ++block) {
    std::byte* bytes = matrix.bytes.data() + block * type().block_bytes;
    std::memcpy(bytes + type().halves[0], &one, sizeof(one));
    if (type().type == quant::TensorType::q6_k) {
      auto& scales = reinterpret_cast<quant::BlockQ6K*>(bytes)->scales;
      for (auto& scale : scales) scale &= 0x7f;
    }
  }
  const std::vector<float> x = random_activations(1, cols, Values::usual, random);
  const PackedMatrix weights = packed(matrix);
  const Activations quantized = quantize(kernels(), weights.activation(), x, 1, cols);
  const std::vector<float> a =
      dequantize_activations(weights.activation(), quantized.bytes.data(), cols);
  const Output out = multiply(weights, quantized, 1);
  double sum = 0;
  double squares = 0;
  for (int64_t r = 0; r < rows; ++r) {
    const std::vector<float> row = matrix.row(r);
    double exact = 0;
    for (size_t k = 0; k < row.size(); ++k) exact += double{row[k]} * double{a[k]};
    const double error = out.at(0, r) - exact;
    sum += error;
    squares += error * error;
  }
  EXPECT_GT(squares, 0);
  EXPECT_LT(std::abs(sum), 4 * std::sqrt(squares));
}

TEST_P(MatmulTest, RowsHaveTheSameBitsWhateverIsComputedWithThem) {
  EXPECT_TRUE(rc::check([this] {
    const Case c = any_case();
    std::mt19937 random(c.seed);
    const int64_t cols = c.blocks * type().block_cols;
    const PackedMatrix weights = packed(random_matrix(type(), c.rows, cols, c.values, random));
    const std::vector<float> x = random_activations(c.n, cols, c.values, random);
    const Activations quantized = quantize(kernels(), weights.activation(), x, c.n, cols);
    const Output whole = multiply(weights, quantized, c.n);

    // The same rows in random batches, each panel on its own.
    Output parts(c.n, c.rows);
    const Scratch scratch(kernels(), 1);
    for (int64_t j = 0; j < c.n;) {
      const int64_t count = std::min<int64_t>(1 + static_cast<int64_t>(random() % 40), c.n - j);
      const Activations batch = quantized.slice(j, count);
      for (int64_t p = 0; p < weights.panels(); ++p) {
        weights.matmul(kernels(), p, p + 1, batch.bytes.data(), count,
                       parts.values.data() + j * parts.stride, parts.stride, scratch.data());
      }
      j += count;
    }
    RC_ASSERT(std::memcmp(whole.values.data(), parts.values.data(),
                          whole.values.size() * sizeof(float)) == 0);
  }));
}

// Sets differ in the order of float operations, so their results lie as far apart as each may lie
// from the exact one; those of AVX2 differ only in how they reach the integers.
TEST_P(MatmulTest, SetsAgree) {
  EXPECT_TRUE(rc::check([this] {
    const Case c = any_case();
    std::mt19937 random(c.seed);
    const int64_t cols = c.blocks * type().block_cols;
    const FileMatrix matrix = random_matrix(type(), c.rows, cols, c.values, random);
    const PackedMatrix weights = packed(matrix);
    const std::vector<float> x = random_activations(c.n, cols, c.values, random);
    const Activations quantized = quantize(kernels(), weights.activation(), x, c.n, cols);
    const Output out = multiply(weights, quantized, c.n);
    const bool bits = std::get<0>(GetParam()).name.starts_with("avx2");
    const Output other =
        multiply(matrix_kernels(bits ? Isa::avx2 : Isa::generic), weights, quantized, c.n);
    if (bits) {
      RC_ASSERT(std::memcmp(out.values.data(), other.values.data(),
                            out.values.size() * sizeof(float)) == 0);
      return;
    }
    for (int64_t j = 0; j < c.n; ++j) {
      const std::vector<float> back =
          dequantize_activations(weights.activation(), quantized.slice(j, 1).bytes.data(), cols);
      for (int64_t r = 0; r < c.rows; ++r) {
        const double most =
            2 * tolerance(weights.activation(), magnitude(matrix, r, back), c.blocks) +
            dropped_magnitude(dropped(std::get<0>(GetParam()).name, type().type), matrix, r,
                              quantized, j);
        RC_ASSERT(std::abs(out.at(j, r) - other.at(j, r)) <= most);
      }
    }
  }));
}

// More panels and activation rows than a set keeps in its scratch memory at once.
TEST_P(MatmulTest, ManyRowsOfManyPanelsHaveTheBitsOfOne) {
  std::mt19937 random(6);
  const int64_t rows = 531;
  const int64_t cols = 2 * type().block_cols;
  const int64_t n = 263;
  const PackedMatrix weights = packed(random_matrix(type(), rows, cols, Values::usual, random));
  const std::vector<float> x = random_activations(n, cols, Values::usual, random);
  const Activations quantized = quantize(kernels(), weights.activation(), x, n, cols);
  const Output whole = multiply(weights, quantized, n);
  for (int64_t j : {0, 31, 32, 131, 132, 262}) {
    const Output one = multiply(weights, quantized.slice(j, 1), 1);
    EXPECT_EQ(std::memcmp(whole.values.data() + j * whole.stride, one.values.data(),
                          static_cast<size_t>(whole.stride) * sizeof(float)),
              0)
        << "activation row " << j;
  }
}

TEST_P(MatmulTest, SpreadOverThreadsGivesTheSameBits) {
  std::mt19937 random(7);
  const int64_t rows = 1000;
  const int64_t cols = 3 * type().block_cols;
  const int64_t n = 5;
  const PackedMatrix weights = packed(random_matrix(type(), rows, cols, Values::usual, random));
  const std::vector<float> x = random_activations(n, cols, Values::usual, random);
  const Activations quantized = quantize(kernels(), weights.activation(), x, n, cols);
  const Output one = multiply(weights, quantized, n);
  for (int threads : {1, 2, 4}) {
    ThreadPool pool(threads);
    Output spread(n, rows);
    weights.matmul(kernels(), pool, quantized.bytes.data(), n, spread.values.data(), spread.stride,
                   Scratch(kernels(), threads).data());
    EXPECT_EQ(
        std::memcmp(one.values.data(), spread.values.data(), one.values.size() * sizeof(float)), 0)
        << threads << " threads";
  }
}

// NaN where they are quantised; else what IEEE says of floats.
TEST_P(MatmulTest, ActivationsThatAreNotFiniteGiveNoFiniteResult) {
  std::mt19937 random(8);
  const int64_t cols = 2 * type().block_cols;
  const PackedMatrix weights = packed(random_matrix(type(), 16, cols, Values::usual, random));
  for (float bad : {INFINITY, -INFINITY, NAN}) {
    std::vector<float> x = random_activations(1, cols, Values::usual, random);
    x[static_cast<size_t>(cols - 3)] = bad;
    const Activations quantized = quantize(kernels(), weights.activation(), x, 1, cols);
    const Output out = multiply(weights, quantized, 1);
    const bool nan = weights.activation() != ActivationKind::f32 || std::isnan(bad);
    for (int64_t r = 0; r < 16; ++r) {
      EXPECT_TRUE(nan ? std::isnan(out.at(0, r)) : std::isinf(out.at(0, r)));
    }
  }
}

std::vector<const FileType*> all_types() {
  std::vector<const FileType*> types;
  for (const FileType& type : packed_file_types()) types.push_back(&type);
  return types;
}

std::vector<KernelSet> all_sets() {
  std::vector<KernelSet> sets;
  for (Isa isa : available_isas()) {
    sets.push_back({std::string(to_string(isa)), &matrix_kernels(isa)});
#if defined(__x86_64__)
    if (isa == Isa::avx512vnni) {
      sets.push_back({"avx2vnni_by_avx512", &kMatrixKernelsAvx2VnniByAvx512});
    }
#endif
  }
  return sets;
}

INSTANTIATE_TEST_SUITE_P(EveryIsaAndType, MatmulTest,
                         testing::Combine(testing::ValuesIn(all_sets()),
                                          testing::ValuesIn(all_types())),
                         [](const auto& param) {
                           return std::get<0>(param.param).name + "_" +
                                  std::get<1>(param.param)->name;
                         });

}  // namespace
}  // namespace test
}  // namespace ix::backend::cpu
