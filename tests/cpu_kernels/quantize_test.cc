#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "backend/cpu/kernels/matrix_dispatch.h"
#include "cpu_kernels/random_matrix.h"

namespace ix::backend::cpu::test {
namespace {

class QuantizeTest : public testing::TestWithParam<Isa> {
 protected:
  const MatrixKernels& kernels() const { return matrix_kernels(GetParam()); }

  std::vector<Q8Block32> blocks32(const std::vector<float>& x) const {
    std::vector<Q8Block32> out(x.size() / 32);
    kernels().quantize[static_cast<int>(ActivationKind::q8_32)](
        x.data(), static_cast<int64_t>(x.size()), sizeof(Q8Block32),
        reinterpret_cast<uint8_t*>(out.data()));
    return out;
  }

  std::vector<Q8Block256> blocks256(const std::vector<float>& x) const {
    std::vector<Q8Block256> out(x.size() / 256);
    kernels().quantize[static_cast<int>(ActivationKind::q8_256)](
        x.data(), static_cast<int64_t>(x.size()), sizeof(Q8Block256),
        reinterpret_cast<uint8_t*>(out.data()));
    return out;
  }
};

// x = q * scale within half a step, and a hair for the rounding of the division.
void expect_nearest(float x, int8_t q, float scale) {
  ASSERT_LE(std::abs(static_cast<double>(x) - static_cast<double>(q) * scale), 0.5001 * scale)
      << x << " became " << int{q} << " * " << scale;
}

TEST_P(QuantizeTest, RoundsToTheNearestStepOfTheBlock) {
  std::mt19937 random(1);
  for (Values values : {Values::usual, Values::extreme, Values::greatest}) {
    const std::vector<float> x = random_activations(4, 512, values, random);
    const std::vector<Q8Block32> small = blocks32(x);
    const std::vector<Q8Block256> large = blocks256(x);
    for (size_t i = 0; i < x.size(); ++i) {
      expect_nearest(x[i], small[i / 32].q[i % 32], small[i / 32].scale);
      expect_nearest(x[i], large[i / 256].q[i % 256], large[i / 256].scale);
    }
  }
}

TEST_P(QuantizeTest, TheLargestMagnitudeBecomes127) {
  std::vector<float> x(256, 0.25f);
  x[77] = -3.0f;
  const Q8Block256 large = blocks256(x)[0];
  EXPECT_EQ(large.q[77], -127);
  EXPECT_EQ(large.q[0], 11);  // 0.25 * 127 / 3 = 10.58
  EXPECT_EQ(large.scale, 3.0f / 127.0f);
  const Q8Block32 small = blocks32(x)[2];
  EXPECT_EQ(small.q[77 - 64], -127);
  EXPECT_EQ(small.scale, 3.0f / 127.0f);
  EXPECT_EQ(blocks32(x)[0].q[0], 127);
}

TEST_P(QuantizeTest, SumsAreThoseOfTheQuants) {
  std::mt19937 random(2);
  const std::vector<float> x = random_activations(1, 768, Values::usual, random);
  for (const Q8Block32& block : blocks32(x)) {
    int sum = 0;
    for (int8_t q : block.q) sum += q;
    EXPECT_EQ(block.minus_sum, -sum);
    EXPECT_EQ(block.scaled_sum, block.scale * static_cast<float>(sum));
  }
  for (const Q8Block256& block : blocks256(x)) {
    for (int j = 0; j < 16; ++j) {
      int sum = 0;
      for (int i = 0; i < 16; ++i) sum += block.q[16 * j + i];
      EXPECT_EQ(block.start16[j], -32 * sum + j % 2);
      EXPECT_EQ(minus_sum16(block, j), -sum);
    }
    for (int j = 0; j < 8; ++j) {
      EXPECT_EQ(block.sum32[j], -minus_sum16(block, 2 * j) - minus_sum16(block, 2 * j + 1));
    }
  }
}

TEST_P(QuantizeTest, ZerosAndWhatIsTooSmallBecomeZeros) {
  for (float tiny : {0.0f, -0.0f, 1e-45f, 0x1p-101f}) {
    const std::vector<float> x(256, tiny);
    EXPECT_EQ(blocks32(x)[0].scale, 0.0f);
    EXPECT_EQ(blocks32(x)[7].q[31], 0);
    EXPECT_EQ(blocks256(x)[0].scale, 0.0f);
    EXPECT_EQ(blocks256(x)[0].q[255], 0);
  }
}

TEST_P(QuantizeTest, TheLargestFloatsDoNotOverflow) {
  std::vector<float> x(256, 3.4e38f);
  x[3] = -3.4e38f;
  EXPECT_EQ(blocks256(x)[0].q[0], 127);
  EXPECT_EQ(blocks256(x)[0].q[3], -127);
  EXPECT_EQ(blocks32(x)[0].q[3], -127);
  EXPECT_EQ(blocks32(x)[0].scale, 3.4e38f / 127.0f);
}

TEST_P(QuantizeTest, ScaleIsNaNWhereAValueIsNotFinite) {
  for (float bad : {INFINITY, -INFINITY, NAN}) {
    std::vector<float> x(256, 1.0f);
    x[100] = bad;
    EXPECT_TRUE(std::isnan(blocks256(x)[0].scale));
    EXPECT_TRUE(std::isnan(blocks32(x)[3].scale));
    EXPECT_EQ(blocks32(x)[2].scale, 1.0f / 127.0f);
  }
}

TEST_P(QuantizeTest, FloatsAreCopiedBitForBitAtTheirDistance) {
  std::vector<float> x = {INFINITY, -INFINITY, -0.0f, 1e-45f, std::bit_cast<float>(0x7fc01234u)};
  while (x.size() < 96) x.push_back(static_cast<float>(x.size()));
  std::vector<F32Block32> out(7, F32Block32{{-1.0f}});
  kernels().quantize[static_cast<int>(ActivationKind::f32)](x.data(), 96, 3 * sizeof(F32Block32),
                                                            reinterpret_cast<uint8_t*>(out.data()));
  for (size_t b = 0; b < 3; ++b) {
    EXPECT_EQ(std::memcmp(out[3 * b].x, x.data() + 32 * b, sizeof(F32Block32)), 0);
  }
  for (size_t other : {1u, 2u, 4u, 5u}) EXPECT_EQ(out[other].x[0], -1.0f);
}

TEST_P(QuantizeTest, BitsAreThoseOfEveryOtherInstructionSet) {
  EXPECT_TRUE(rc::check([this] {
    std::mt19937 random(*rc::gen::arbitrary<unsigned>());
    const Values values = *rc::gen::element(Values::usual, Values::extreme, Values::greatest);
    const std::vector<float> x = random_activations(1, 1024, values, random);
    std::vector<Q8Block32> small(32);
    std::vector<Q8Block256> large(4);
    kMatrixKernelsGeneric.quantize[0](x.data(), 1024, sizeof(Q8Block32),
                                      reinterpret_cast<uint8_t*>(small.data()));
    kMatrixKernelsGeneric.quantize[1](x.data(), 1024, sizeof(Q8Block256),
                                      reinterpret_cast<uint8_t*>(large.data()));
    RC_ASSERT(std::memcmp(small.data(), blocks32(x).data(), small.size() * sizeof(Q8Block32)) == 0);
    RC_ASSERT(std::memcmp(large.data(), blocks256(x).data(), large.size() * sizeof(Q8Block256)) ==
              0);
  }));
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, QuantizeTest,
                         testing::ValuesIn(available_isas().begin(), available_isas().end()),
                         [](const auto& param) { return std::string(to_string(param.param)); });

}  // namespace
}  // namespace ix::backend::cpu::test
