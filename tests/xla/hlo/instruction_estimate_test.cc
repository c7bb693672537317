#include "backend/xla/hlo/instruction_estimate.h"

#include <gtest/gtest.h>

#include <functional>

#include "backend/xla/hlo/builder.h"
#include "backend/xla/hlo/hlo.pb.h"
#include "xla/hlo/proto_edit.h"

namespace ix::backend::xla::hlo {
namespace {

constexpr auto kF32 = ElementType::f32;
constexpr auto kBf16 = ElementType::bf16;
constexpr auto kS32 = ElementType::s32;

InstructionEstimate estimate(const std::function<Op(Builder&)>& program) {
  Builder b("program", 1);
  b.output("y", program(b));
  return estimate_instructions(testing::parsed(*std::move(b).finish()));
}

TEST(InstructionEstimate, CountsTilesOfADot) {
  // K 4096 / 128 = 32; 4 rows are one stationary tile; N 11008 / 512 = 21.5, 22 tiles.
  const InstructionEstimate decode = estimate([](Builder& b) {
    return b.matmul(b.parameter("x", {kBf16, {4, 4096}}), b.parameter("w", {kBf16, {4096, 11008}}),
                    kF32);
  });
  EXPECT_EQ(decode.tensor, 32 * 1 * 22);
  EXPECT_EQ(decode.vector, 0);
  EXPECT_EQ(decode.memory, 0);
  // Per head: K 64 is one tile, 200 rows two, 300 columns one.
  const InstructionEstimate heads = estimate([](Builder& b) {
    return b.dot(
        b.parameter("q", {kBf16, {8, 200, 64}}), b.parameter("k", {kBf16, {8, 300, 64}}),
        {.lhs_contracting = {2}, .rhs_contracting = {2}, .lhs_batch = {0}, .rhs_batch = {0}}, kF32);
  });
  EXPECT_EQ(heads.tensor, 8 * 1 * 2 * 1);
}

TEST(InstructionEstimate, CountsWhatAnOperationReadsOrWrites) {
  // exp of 2^18 elements is four tiles of 128 x 512, its sum reads four more.
  const InstructionEstimate softmax = estimate([](Builder& b) {
    return b.reduce(Reduction::add, b.exp(b.parameter("x", {kF32, {256, 1024}})), {1});
  });
  EXPECT_EQ(softmax.vector, 8);
  EXPECT_EQ(softmax.total(), 8);
}

TEST(InstructionEstimate, CountsBytesOfWhatIsMoved) {
  // 2^18 bf16 = 2^19 bytes, two tiles of 128 x 2 KiB.
  EXPECT_EQ(estimate([](Builder& b) {
              return b.transpose(b.parameter("x", {kBf16, {256, 1024}}), {1, 0});
            }).memory,
            2);
  // The cache stays where it is: one row of 1024 bf16.
  const InstructionEstimate update = estimate([](Builder& b) {
    return b.dynamic_update_slice(b.parameter("cache", {kBf16, {4096, 1024}}),
                                  b.parameter("row", {kBf16, {1, 1024}}),
                                  {b.parameter("at", {kS32, {}}), 0});
  });
  EXPECT_EQ(update.memory, 1);
  EXPECT_EQ(update.total(), 1);
}

TEST(InstructionEstimate, CountsNothingThatDoesNotFit) {
  Builder b("program", 1);
  b.output("y",
           b.matmul(b.parameter("x", {kF32, {4, 64}}), b.parameter("w", {kF32, {64, 8}}), kF32));
  ix::hlo::HloModuleProto module = testing::parsed(*std::move(b).finish());
  testing::nth(module, "dot").mutable_dot_dimension_numbers()->set_lhs_contracting_dimensions(0, 7);
  EXPECT_EQ(estimate_instructions(module).total(), 0);
}

}  // namespace
}  // namespace ix::backend::xla::hlo
