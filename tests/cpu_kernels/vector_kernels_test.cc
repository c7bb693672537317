// Every float kernel of every instruction set this machine has, against libm in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "backend/cpu/kernels/vector_dispatch.h"

namespace ix::backend::cpu {
namespace {

std::vector<float> random_floats(size_t n, float low, float high, uint32_t seed = 1) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> value(low, high);
  std::vector<float> out(n);
  for (float& x : out) x = value(random);
  return out;
}

// Widths around every vector length, and real ones.
constexpr int64_t kWidths[] = {1,  2,  3,  5,  7,  8,  15,  16,  17,
                               31, 33, 48, 63, 64, 65, 127, 576, 1000};

class VectorKernelsOf : public ::testing::TestWithParam<Isa> {
 protected:
  const VectorKernels& kernels() const { return vector_kernels(GetParam()); }
};

void expect_close(double actual, double expected, double relative, double absolute,
                  const std::string& where) {
  EXPECT_LE(std::abs(actual - expected), relative * std::abs(expected) + absolute) << where;
}

// A guard behind each output shows writes past its end.
constexpr float kGuard = 12345.0F;

TEST_P(VectorKernelsOf, NormalisesByRootMeanSquare) {
  for (const int64_t n : kWidths) {
    const auto size = static_cast<size_t>(n);
    const std::vector<float> in = random_floats(size, -3, 3);
    const std::vector<float> weight = random_floats(size, -2, 2, 2);
    std::vector<float> out(size + 1, kGuard);
    kernels().rms_norm(in.data(), weight.data(), 1e-5F, n, out.data());
    double sum = 0;
    for (const float x : in) sum += static_cast<double>(x) * x;
    const double factor = 1 / std::sqrt(sum / static_cast<double>(n) + 1e-5F);
    for (size_t i = 0; i < size; ++i) {
      expect_close(out[i], in[i] * factor * weight[i], 1e-6, 0, std::to_string(i));
    }
    EXPECT_EQ(out[size], kGuard);
  }
}

TEST_P(VectorKernelsOf, TurnsPairsOfHalvesAndNeighbours) {
  for (const int64_t half : kWidths) {
    const auto size = static_cast<size_t>(half);
    const std::vector<float> in = random_floats(2 * size, -3, 3);
    std::vector<float> cosine(size);
    std::vector<float> sine(size);
    for (size_t i = 0; i < size; ++i) {
      cosine[i] = static_cast<float>(std::cos(0.37 * static_cast<double>(i)));
      sine[i] = static_cast<float>(std::sin(0.37 * static_cast<double>(i)));
    }
    std::vector<float> halves(2 * size + 1, kGuard);
    std::vector<float> pairs(2 * size + 1, kGuard);
    kernels().rope_halves(in.data(), cosine.data(), sine.data(), half, halves.data());
    kernels().rope_interleaved(in.data(), cosine.data(), sine.data(), half, pairs.data());
    for (size_t i = 0; i < size; ++i) {
      const double c = cosine[i];
      const double s = sine[i];
      expect_close(halves[i], in[i] * c - in[size + i] * s, 0, 1e-6, "halves x");
      expect_close(halves[size + i], in[size + i] * c + in[i] * s, 0, 1e-6, "halves y");
      expect_close(pairs[2 * i], in[2 * i] * c - in[2 * i + 1] * s, 0, 1e-6, "pairs x");
      expect_close(pairs[2 * i + 1], in[2 * i + 1] * c + in[2 * i] * s, 0, 1e-6, "pairs y");
    }
    EXPECT_EQ(halves[2 * size], kGuard);
    EXPECT_EQ(pairs[2 * size], kGuard);
  }
}

// 1e-6 of the result, and what float can tell apart where e^-x leaves its range.
TEST_P(VectorKernelsOf, GatesWithSiluAsLibmDoes) {
  for (const int64_t n : kWidths) {
    const auto size = static_cast<size_t>(n);
    std::vector<float> gate = random_floats(size, -80, 80, static_cast<uint32_t>(n));
    if (n > 3) {
      gate[0] = 0.0F;
      gate[1] = -0.0F;
      gate[2] = 1e-20F;
    }
    const std::vector<float> up = random_floats(size, -2, 2, 2);
    std::vector<float> out(size + 1, kGuard);
    kernels().gated_silu(gate.data(), up.data(), n, out.data());
    for (size_t i = 0; i < size; ++i) {
      const double x = gate[i];
      expect_close(out[i], x / (1 + std::exp(-x)) * up[i], 1e-6, 1e-35, std::to_string(gate[i]));
    }
    EXPECT_EQ(out[size], kGuard);
  }
}

// The argument of the exponential is rounded to float, so that its relative error grows with it.
TEST_P(VectorKernelsOf, GatesWithGeluAsLibmDoes) {
  for (const int64_t n : kWidths) {
    const auto size = static_cast<size_t>(n);
    const std::vector<float> gate = random_floats(size, -6, 12, static_cast<uint32_t>(n));
    const std::vector<float> up = random_floats(size, -2, 2, 2);
    std::vector<float> out(size + 1, kGuard);
    kernels().gated_gelu(gate.data(), up.data(), n, out.data());
    for (size_t i = 0; i < size; ++i) {
      const double x = gate[i];
      const double u = std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
      const double expected = x / (1 + std::exp(-2 * u)) * up[i];
      const double relative = 1e-6 + 2e-7 * std::abs(2 * u) * (x < 0 ? 1 : 0);
      expect_close(out[i], expected, relative, 1e-35, std::to_string(gate[i]));
    }
    EXPECT_EQ(out[size], kGuard);
  }
}

TEST_P(VectorKernelsOf, GatesKeepTheirLimits) {
  const float gate[] = {1000.0F, -1000.0F, 1e30F, -1e30F};
  const float up[] = {2.0F, 2.0F, 1.0F, 1.0F};
  float out[4];
  kernels().gated_silu(gate, up, 4, out);
  EXPECT_EQ(out[0], 2000.0F);
  EXPECT_NEAR(out[1], 0.0F, 1e-30F);
  EXPECT_EQ(out[2], 1e30F);
  EXPECT_LT(std::abs(out[3]), 1e-7F * 1e30F);
  kernels().gated_gelu(gate, up, 2, out);
  EXPECT_EQ(out[0], 2000.0F);
  EXPECT_NEAR(out[1], 0.0F, 1e-30F);
}

TEST_P(VectorKernelsOf, SoftCapsAsLibmDoes) {
  for (const int64_t n : kWidths) {
    const auto size = static_cast<size_t>(n);
    std::vector<float> in = random_floats(size, -150, 150, static_cast<uint32_t>(n));
    for (size_t i = 0; i < size; i += 3) in[i] *= 1e-3F;
    in[0] = 1e6F;
    std::vector<float> out(size + 1, kGuard);
    kernels().soft_cap(in.data(), 30.0F, n, out.data());
    for (size_t i = 0; i < size; ++i) {
      expect_close(out[i], 30 * std::tanh(static_cast<double>(in[i]) / 30), 1e-6, 0,
                   std::to_string(in[i]));
    }
    EXPECT_EQ(out[size], kGuard);
  }
}

TEST_P(VectorKernelsOf, AddsScalesBlendsAndMultiplies) {
  for (const int64_t n : kWidths) {
    const auto size = static_cast<size_t>(n);
    const std::vector<float> a = random_floats(size, -3, 3);
    const std::vector<float> b = random_floats(size, -3, 3, 2);
    std::vector<float> sum(size + 1, kGuard);
    std::vector<float> scaled(size + 1, kGuard);
    std::vector<float> blended = a;
    blended.push_back(kGuard);
    kernels().add(a.data(), b.data(), n, sum.data());
    kernels().scale(a.data(), 0.3F, n, scaled.data());
    kernels().blend(blended.data(), 0.7F, b.data(), 1.3F, n);
    double dot = 0;
    double size_of_terms = 0;
    for (size_t i = 0; i < size; ++i) {
      EXPECT_EQ(sum[i], a[i] + b[i]);
      EXPECT_EQ(scaled[i], a[i] * 0.3F);
      expect_close(blended[i], 0.7F * static_cast<double>(a[i]) + 1.3F * static_cast<double>(b[i]),
                   0, 1e-6, "blend");
      dot += static_cast<double>(a[i]) * b[i];
      size_of_terms += std::abs(static_cast<double>(a[i]) * b[i]);
    }
    EXPECT_NEAR(kernels().dot(a.data(), b.data(), n), dot, 1e-6 * size_of_terms);
    EXPECT_EQ(sum[size], kGuard);
    EXPECT_EQ(scaled[size], kGuard);
    EXPECT_EQ(blended[size], kGuard);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, VectorKernelsOf,
                         ::testing::ValuesIn(available_isas().begin(), available_isas().end()),
                         [](const auto& isa) { return std::string(to_string(isa.param)); });

}  // namespace
}  // namespace ix::backend::cpu
