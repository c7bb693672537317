#include <algorithm>
#include <cmath>
#include <limits>

#include "base/float16.h"
#include "xla/hlo/plugin_fixture.h"

namespace ix::backend::xla::hlo {
namespace {

using testing::bf16_array;
using ::testing::ElementsAre;
using testing::f32_array;
using testing::floats_of;
using testing::host_array;
using testing::HostArrays;
using testing::s32_array;
using testing::values_of;

constexpr auto kF32 = ElementType::f32;
constexpr auto kS32 = ElementType::s32;

class ElementwiseRun : public testing::OnPlugin {};
INSTANTIATE_TEST_SUITE_P(Cpu, ElementwiseRun, ::testing::ValuesIn(testing::cpu_plugins()),
                         testing::cpu_plugin_name);

struct UnaryCase {
  const char* name;
  Op (Builder::*op)(Op);
  double (*expected)(double);
  float low;
  float high;
};

TEST_P(ElementwiseRun, UnaryOperationsAreThoseOfTheMathLibrary) {
  const std::vector<UnaryCase> cases = {
      {"negate", &Builder::negate, [](double x) { return -x; }, -3, 3},
      {"abs", &Builder::abs, [](double x) { return std::abs(x); }, -3, 3},
      {"floor", &Builder::floor, [](double x) { return std::floor(x); }, -3, 3},
      {"exp", &Builder::exp, [](double x) { return std::exp(x); }, -20, 20},
      {"log", &Builder::log, [](double x) { return std::log(x); }, 0.01F, 100},
      {"tanh", &Builder::tanh, [](double x) { return std::tanh(x); }, -4, 4},
      {"sqrt", &Builder::sqrt, [](double x) { return std::sqrt(x); }, 0, 100},
      {"rsqrt", &Builder::rsqrt, [](double x) { return 1 / std::sqrt(x); }, 0.01F, 100},
      {"sine", &Builder::sine, [](double x) { return std::sin(x); }, -10, 10},
      {"cosine", &Builder::cosine, [](double x) { return std::cos(x); }, -10, 10},
      {"logistic", &Builder::logistic, [](double x) { return 1 / (1 + std::exp(-x)); }, -10, 10},
      {"copy", &Builder::copy, [](double x) { return x; }, -3, 3},
  };
  constexpr int64_t kCount = 1000;
  Builder b("unary", 1);
  HostArrays inputs;
  for (const UnaryCase& unary : cases) {
    b.output(unary.name, (b.*unary.op)(b.parameter(unary.name, {kF32, {kCount}})));
    inputs.push_back(f32_array({kCount}, random_floats(kCount, unary.low, unary.high)));
  }
  const HostArrays outputs = run(std::move(b), inputs);
  ASSERT_EQ(outputs.size(), cases.size());
  for (size_t i = 0; i < cases.size(); ++i) {
    const std::vector<float> x = floats_of(inputs[i]);
    const std::vector<float> y = floats_of(outputs[i]);
    for (int64_t j = 0; j < kCount; ++j) {
      const double expected = cases[i].expected(x[j]);
      // Vector math libraries are within a few units of the last place (2^-23).
      ASSERT_NEAR(y[j], expected, 8 * 0x1p-23 * std::max(1.0, std::abs(expected)))
          << cases[i].name << " of " << x[j];
    }
  }
}

TEST_P(ElementwiseRun, BinaryOperationsOnFloats) {
  Builder b("binary", 1);
  const Op x = b.parameter("x", {kF32, {4}});
  const Op y = b.parameter("y", {kF32, {4}});
  b.output("add", b.add(x, y));
  b.output("subtract", b.subtract(x, y));
  b.output("multiply", b.multiply(x, y));
  b.output("divide", b.divide(x, y));
  b.output("maximum", b.maximum(x, y));
  b.output("minimum", b.minimum(x, y));
  b.output("power", b.power(x, 2));
  b.output("remainder", b.remainder(x, y));
  const HostArrays out = run(
      std::move(b), HostArrays{f32_array({4}, {1, -7, 5.5F, 0}), f32_array({4}, {2, 2, -4, 8})});
  ASSERT_EQ(out.size(), 8U);
  EXPECT_THAT(floats_of(out[0]), ElementsAre(3, -5, 1.5F, 8));
  EXPECT_THAT(floats_of(out[1]), ElementsAre(-1, -9, 9.5F, -8));
  EXPECT_THAT(floats_of(out[2]), ElementsAre(2, -14, -22, 0));
  EXPECT_THAT(floats_of(out[3]), ElementsAre(0.5F, -3.5F, -1.375F, 0));
  EXPECT_THAT(floats_of(out[4]), ElementsAre(2, 2, 5.5F, 8));
  EXPECT_THAT(floats_of(out[5]), ElementsAre(1, -7, -4, 0));
  EXPECT_THAT(floats_of(out[6]), ElementsAre(1, 49, 30.25F, 0));
  EXPECT_THAT(floats_of(out[7]), ElementsAre(1, -1, 1.5F, 0));
}

TEST_P(ElementwiseRun, BinaryOperationsOnIntegers) {
  Builder b("integers", 1);
  const Op x = b.parameter("x", {kS32, {4}});
  const Op y = b.parameter("y", {kS32, {4}});
  const Op bytes = b.parameter("bytes", {ElementType::u8, {4}});
  b.output("add", b.add(x, y));
  b.output("divide", b.divide(x, y));
  b.output("remainder", b.remainder(x, y));
  b.output("low", b.bitwise_and(bytes, 15));
  b.output("or", b.bitwise_or(x, y));
  b.output("xor", b.bitwise_xor(x, 1));
  b.output("not", b.bitwise_not(bytes));
  const HostArrays out = run(
      std::move(b), HostArrays{s32_array({4}, {7, -7, 12, 1}), s32_array({4}, {2, 2, -5, 4}),
                               host_array<uint8_t>(ElementType::u8, {4}, {0x12, 0xff, 0xa0, 9})});
  ASSERT_EQ(out.size(), 7U);
  EXPECT_THAT(values_of<int32_t>(out[0]), ElementsAre(9, -5, 7, 5));
  EXPECT_THAT(values_of<int32_t>(out[1]), ElementsAre(3, -3, -2, 0));
  EXPECT_THAT(values_of<int32_t>(out[2]), ElementsAre(1, -1, 2, 1));
  EXPECT_THAT(values_of<uint8_t>(out[3]), ElementsAre(2, 15, 0, 9));
  EXPECT_THAT(values_of<int32_t>(out[4]), ElementsAre(7, -5, -1, 5));
  EXPECT_THAT(values_of<int32_t>(out[5]), ElementsAre(6, -8, 13, 0));
  EXPECT_THAT(values_of<uint8_t>(out[6]), ElementsAre(0xed, 0, 0x5f, 0xf6));
}

TEST_P(ElementwiseRun, ComparesSelectsAndClamps) {
  Builder b("select", 1);
  const Op x = b.parameter("x", {kF32, {5}});
  const auto flags = [&b, x](Comparison comparison) {
    return b.convert(b.compare(comparison, x, 1), kS32);
  };
  b.output("eq", flags(Comparison::eq));
  b.output("ne", flags(Comparison::ne));
  b.output("lt", flags(Comparison::lt));
  b.output("le", flags(Comparison::le));
  b.output("gt", flags(Comparison::gt));
  b.output("ge", flags(Comparison::ge));
  b.output("select", b.select(b.compare(Comparison::gt, x, 0), x, -30000));
  b.output("clamp", b.clamp(-1, x, 1.5));
  const HostArrays out = run(std::move(b), HostArrays{f32_array({5}, {-2, 0, 1, 1.25F, 9})});
  ASSERT_EQ(out.size(), 8U);
  EXPECT_THAT(values_of<int32_t>(out[0]), ElementsAre(0, 0, 1, 0, 0));
  EXPECT_THAT(values_of<int32_t>(out[1]), ElementsAre(1, 1, 0, 1, 1));
  EXPECT_THAT(values_of<int32_t>(out[2]), ElementsAre(1, 1, 0, 0, 0));
  EXPECT_THAT(values_of<int32_t>(out[3]), ElementsAre(1, 1, 1, 0, 0));
  EXPECT_THAT(values_of<int32_t>(out[4]), ElementsAre(0, 0, 0, 1, 1));
  EXPECT_THAT(values_of<int32_t>(out[5]), ElementsAre(0, 0, 1, 1, 1));
  EXPECT_THAT(floats_of(out[6]), ElementsAre(-30000, -30000, 1, 1.25F, 9));
  EXPECT_THAT(floats_of(out[7]), ElementsAre(-1, 0, 1, 1.25F, 1.5F));
}

TEST_P(ElementwiseRun, ConvertsAsOurOwnRoundingDoes) {
  constexpr int64_t kCount = 1000;
  Builder b("convert", 1);
  const Op x = b.parameter("x", {kF32, {kCount}});
  b.output("bf16", b.convert(x, ElementType::bf16));
  b.output("f16", b.convert(x, ElementType::f16));
  b.output("s32", b.convert(x, kS32));
  const std::vector<float> values = random_floats(kCount, -100, 100);
  const HostArrays out = run(std::move(b), HostArrays{f32_array({kCount}, values)});
  ASSERT_EQ(out.size(), 3U);
  for (int64_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(values_of<uint16_t>(out[0])[i], float_to_bfloat16(values[i]));
    ASSERT_EQ(values_of<uint16_t>(out[1])[i], float_to_half(values[i]));
    ASSERT_EQ(values_of<int32_t>(out[2])[i], static_cast<int32_t>(values[i]));
  }
}

TEST_P(ElementwiseRun, HalvesAreComputedWithinTheirPrecision) {
  constexpr int64_t kCount = 256;
  Builder b("bf16", 1);
  const Op x = b.parameter("x", {ElementType::bf16, {kCount}});
  b.output("y", b.multiply(b.logistic(x), b.add(x, 1)));
  const auto input = bf16_array({kCount}, random_floats(kCount, -8, 8));
  const HostArrays out = run(std::move(b), HostArrays{input});
  ASSERT_EQ(out.size(), 1U);
  const std::vector<float> values = floats_of(input);
  const std::vector<float> y = floats_of(out[0]);
  for (int64_t i = 0; i < kCount; ++i) {
    const double expected = (values[i] + 1.0) / (1 + std::exp(-static_cast<double>(values[i])));
    // Three roundings of 2^-9 each.
    ASSERT_NEAR(y[i], expected, 4 * 0x1p-9 * std::max(std::abs(expected), 0x1p-4)) << values[i];
  }
}

TEST_P(ElementwiseRun, ScalarsOfEveryTypeArrive) {
  Builder b("scalars", 1);
  b.output("pred", b.scalar(ElementType::pred, 1));
  b.output("s8", b.scalar(ElementType::s8, -128));
  b.output("u8", b.scalar(ElementType::u8, 255));
  b.output("s16", b.scalar(ElementType::s16, -2));
  b.output("u16", b.scalar(ElementType::u16, 65535));
  b.output("s32", b.scalar(kS32, -30000));
  b.output("u32", b.scalar(ElementType::u32, 4294967295.0));
  b.output("f16", b.scalar(ElementType::f16, -1.5));
  b.output("bf16", b.scalar(ElementType::bf16, 1.0078125));
  b.output("f32", b.full({kF32, {2}}, 0.1));
  b.output("infinity", b.scalar(kF32, -std::numeric_limits<double>::infinity()));
  const std::vector<float> table = {1.5F, -2, 3};
  const std::vector<int32_t> steps = {4, 5};
  b.output("table", b.constant({3}, table));
  b.output("steps", b.constant({2, 1}, steps));
  const HostArrays out = run(std::move(b), HostArrays{});
  ASSERT_EQ(out.size(), 13U);
  EXPECT_THAT(values_of<uint8_t>(out[0]), ElementsAre(1));
  EXPECT_THAT(values_of<int8_t>(out[1]), ElementsAre(-128));
  EXPECT_THAT(values_of<uint8_t>(out[2]), ElementsAre(255));
  EXPECT_THAT(values_of<int16_t>(out[3]), ElementsAre(-2));
  EXPECT_THAT(values_of<uint16_t>(out[4]), ElementsAre(65535));
  EXPECT_THAT(values_of<int32_t>(out[5]), ElementsAre(-30000));
  EXPECT_THAT(values_of<uint32_t>(out[6]), ElementsAre(4294967295U));
  EXPECT_THAT(floats_of(out[7]), ElementsAre(-1.5F));
  EXPECT_THAT(floats_of(out[8]), ElementsAre(1.0078125F));
  EXPECT_THAT(floats_of(out[9]), ElementsAre(0.1F, 0.1F));
  EXPECT_THAT(floats_of(out[10]), ElementsAre(-std::numeric_limits<float>::infinity()));
  EXPECT_THAT(floats_of(out[11]), ElementsAre(1.5F, -2, 3));
  EXPECT_THAT(values_of<int32_t>(out[12]), ElementsAre(4, 5));
}

}  // namespace
}  // namespace ix::backend::xla::hlo
