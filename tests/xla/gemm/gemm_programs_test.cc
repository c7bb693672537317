// What the programs of products are, and that Neuron's compiler is known to take them.
#include "backend/xla/gemm/gemm_programs.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "backend/xla/hlo/verifier.h"

namespace ix::backend::xla {
namespace {

using hlo::ElementType;
using hlo::Shape;

void expect_proven(const hlo::Module& module) {
  hlo::VerifyOptions options;
  options.replicas = module.replicas;
  const auto findings = hlo::verify(module.bytes, options);
  ASSERT_TRUE(findings.ok());
  EXPECT_TRUE(hlo::passes(*findings));
  for (const hlo::Finding& finding : *findings) {
    // Signatures that are only expected to be taken are told.
    EXPECT_NE(finding.severity, hlo::Severity::error) << hlo::to_text(finding);
  }
}

TEST(GemmPrograms, BucketsArePowersOfTwo) {
  const std::pair<int64_t, int64_t> cases[] = {{1, 1},   {2, 2},   {3, 4},     {4, 4},    {5, 8},
                                               {33, 64}, {64, 64}, {257, 512}, {512, 512}};
  for (const auto& [columns, bucket] : cases) EXPECT_EQ(column_bucket(columns), bucket);
  EXPECT_EQ(block_bucket(1), 64);
  EXPECT_EQ(block_bucket(64), 64);
  EXPECT_EQ(block_bucket(65), 4096);
}

TEST(GemmPrograms, ProductsPassTheVerifier) {
  for (const int32_t replicas : {1, 2, 24}) {
    for (const GemmShape& shape : {GemmShape{1, 256, 1}, {33, 512, 8}, {5632, 14336, 512}}) {
      const auto module = gemm_program(shape, replicas);
      ASSERT_TRUE(module.ok()) << module.status().message();
      ASSERT_EQ(module->parameters.size(), 2U);
      EXPECT_EQ(module->parameters[0].shape, (Shape{ElementType::f16, {shape.k, shape.rows}}));
      EXPECT_EQ(module->parameters[1].shape, (Shape{ElementType::f16, {shape.k, shape.columns}}));
      ASSERT_EQ(module->outputs.size(), 1U);
      EXPECT_EQ(module->outputs[0].shape, (Shape{ElementType::f32, {shape.rows, shape.columns}}));
      EXPECT_EQ(module->replicas, replicas);
      expect_proven(*module);
    }
  }
}

TEST(GemmPrograms, DequantisationPassesTheVerifier) {
  for (const int64_t blocks : {kFewBlocks, kManyBlocks}) {
    const auto module = dequantize_program(blocks, 2);
    ASSERT_TRUE(module.ok()) << module.status().message();
    EXPECT_EQ(module->outputs[0].shape, (Shape{ElementType::f32, {blocks, 4, 2, 32}}));
    expect_proven(*module);
  }
}

// A cache of compiled programs is keyed by these bytes.
TEST(GemmPrograms, EqualShapesGiveEqualBytes) {
  const GemmShape shape = {100, 512, 16};
  EXPECT_EQ(gemm_program(shape, 2)->bytes, gemm_program(shape, 2)->bytes);
  EXPECT_NE(gemm_program(shape, 2)->bytes, gemm_program({100, 512, 32}, 2)->bytes);
  EXPECT_EQ(dequantize_program(64, 2)->bytes, dequantize_program(64, 2)->bytes);
}

}  // namespace
}  // namespace ix::backend::xla
