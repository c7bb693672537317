#include "synth/shape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "synth/file_metadata.h"
#include "synth/tensor_list.h"

namespace ix::synth {
namespace {

using ::testing::HasSubstr;

TEST(Shape, IsFoundByName) {
  const auto shape = find_shape("llama-3.1-8b");
  ASSERT_TRUE(shape.ok());
  EXPECT_EQ(shape->kv_heads, 8);
  const auto none = find_shape("llama-9");
  EXPECT_EQ(none.status().code(), StatusCode::not_found);
  EXPECT_THAT(none.status().message(), HasSubstr("'llama-9'; there are smollm2-135m, gemma-3"));
}

TEST(Shape, OfEveryNameCanBe) {
  for (const Shape& shape : named_shapes()) {
    EXPECT_TRUE(check_shape(shape).ok()) << shape.name;
  }
}

// Parameters as the models' pages count them.
TEST(Shape, HasTheParametersOfItsModel) {
  const auto parameters = [](const char* name) {
    int64_t total = 0;
    for (const SynthTensor& tensor : list_tensors(*find_shape(name))) total += tensor.elements();
    return total;
  };
  EXPECT_EQ(parameters("llama-2-7b"), 6'738'415'616);
  // 8,030,261,248 without the 64 rope factors, which are no parameters.
  EXPECT_EQ(parameters("llama-3.1-8b"), 8'030'261'248 + 64);
  EXPECT_EQ(parameters("llama-3.1-70b"), 70'553'706'496 + 64);
  EXPECT_EQ(parameters("tinyllama-1.1b"), 1'100'048'384);
  EXPECT_EQ(parameters("smollm2-135m"), 134'515'008);
  EXPECT_EQ(parameters("gemma-3-270m"), 268'098'176);
  EXPECT_EQ(parameters("qwen2.5-0.5b"), 494'032'768);
  EXPECT_EQ(parameters("qwen2.5-7b"), 7'615'616'512);
  EXPECT_EQ(parameters("qwen3-0.6b"), 596'049'920);
}

TEST(Shape, ThatCannotBeIsRefusedByItsNumber) {
  const auto refused = [](const std::function<void(Shape&)>& change) {
    Shape shape = *find_shape("tinyllama-1.1b");
    change(shape);
    const Status status = check_shape(shape);
    EXPECT_EQ(status.code(), StatusCode::invalid_argument);
    return status.message();
  };
  EXPECT_EQ(refused([](Shape& s) { s.layers = 1025; }), "layers is 1025, but must be 1 to 1024");
  EXPECT_THAT(refused([](Shape& s) { s.width = 0; }), HasSubstr("width is 0"));
  EXPECT_THAT(refused([](Shape& s) { s.kv_heads = 33; }), HasSubstr("kv-heads is 33, but must"));
  EXPECT_THAT(refused([](Shape& s) { s.kv_heads = 5; }),
              HasSubstr("heads is 32, but must be a multiple of kv-heads, 5"));
  EXPECT_THAT(refused([](Shape& s) { s.head_dim = 63; }), HasSubstr("must be even"));
  EXPECT_THAT(refused([](Shape& s) { s.vocab_size = kLeastTokens - 1; }), HasSubstr("vocab is"));
}

// Wavelengths 2 pi 500000^(i / 64): pair 28 has 1956 positions, 29 has 2402, 35 has 8222 (by hand);
// up to 2048 nothing is stretched, above 8192 everything eightfold.
TEST(RopeFactors, StretchSlowRotations) {
  const std::vector<float> factors = rope_factors(*find_shape("llama-3.1-8b"));
  ASSERT_EQ(factors.size(), 64U);
  EXPECT_EQ(factors[0], 1.0F);
  EXPECT_EQ(factors[28], 1.0F);
  EXPECT_GT(factors[29], 1.0F);
  // Turns 8192 / 2401.6 = 3.4111, kept (3.4111 - 1) / 3 = 0.80368, 1 / (0.19632 / 8 + 0.80368).
  EXPECT_NEAR(factors[29], 1.20741, 1e-4);
  EXPECT_LT(factors[34], 8.0F);
  EXPECT_EQ(factors[35], 8.0F);
  EXPECT_EQ(factors[63], 8.0F);
  EXPECT_TRUE(rope_factors(*find_shape("llama-2-7b")).empty());
}

}  // namespace
}  // namespace ix::synth
