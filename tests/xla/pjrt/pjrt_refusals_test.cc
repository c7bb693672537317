// What PjrtRuntime refuses, with each of the CPU plugins.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/xla/pjrt/pjrt_runtime.h"
#include "xla/pjrt/pjrt_runtime_fixture.h"

namespace ix::backend::xla::pjrt {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using PjrtRefusalsTest = PjrtRuntimeTest;

INSTANTIATE_TEST_SUITE_P(Cpu, PjrtRefusalsTest, ::testing::ValuesIn(testing::cpu_plugins()),
                         testing::cpu_plugin_name);

TEST_P(PjrtRefusalsTest, RefusesAnUploadThatDoesNotFillItsTensor) {
  const auto runtime = open(1);
  const std::array<std::byte, 12> bytes{};
  auto upload = runtime->upload(0, {ElementType::f32, {2}}, "short");
  ASSERT_TRUE(upload.ok());
  EXPECT_EQ((*upload)->write(0, bytes).code(), StatusCode::invalid_argument);
  EXPECT_EQ((*upload)->write(-1, std::span(bytes).first(4)).code(), StatusCode::invalid_argument);
  EXPECT_EQ((*upload)->write(9, {}).code(), StatusCode::invalid_argument);
  ASSERT_TRUE((*upload)->write(4, std::span(bytes).first(4)).ok());
  EXPECT_EQ((*upload)->finish().status().code(), StatusCode::invalid_argument);
  EXPECT_EQ(runtime->upload(1, {ElementType::f32, {2}}, "x").status().code(),
            StatusCode::invalid_argument);
  EXPECT_EQ(runtime->tensor(-1, {ElementType::f32, {2}}, "x").status().code(),
            StatusCode::invalid_argument);
}

TEST_P(PjrtRefusalsTest, TellsWhyAProgramDoesNotCompile) {
  const auto runtime = open(1);
  TinyModule module("wrong");
  module.output("y", module.instruction("flounder", {ElementType::f32, {2}},
                                        {module.parameter("x", {ElementType::f32, {2}})}));
  const auto unknown = runtime->load(module.finish(), ProgramKind::decode).status();
  EXPECT_EQ(unknown.code(), StatusCode::invalid_argument);
  EXPECT_THAT(unknown.message(), AllOf(HasSubstr("program wrong"), HasSubstr("flounder")));

  Module garbage = sum_and_product(2);
  garbage.bytes = "no protocol buffer";
  EXPECT_FALSE(runtime->load(garbage, ProgramKind::decode).ok());
  EXPECT_EQ(runtime->load(sum_and_product(2, 2), ProgramKind::decode).status().code(),
            StatusCode::invalid_argument);
  EXPECT_EQ(runtime->health().state, HealthState::ok);
}

TEST_P(PjrtRefusalsTest, RefusesAProgramWhoseSignatureIsNotItsOwn) {
  const auto runtime = open(1);
  Module module = sum_and_product(2);
  module.outputs[1].shape.dims = {3};
  EXPECT_EQ(runtime->load(module, ProgramKind::decode).status().code(), StatusCode::internal);
  module.outputs.pop_back();
  EXPECT_EQ(runtime->load(module, ProgramKind::decode).status().code(), StatusCode::internal);
  module = sum_and_product(2);
  module.aliases = {{0, 2}};
  EXPECT_EQ(runtime->load(module, ProgramKind::decode).status().code(),
            StatusCode::invalid_argument);
}

// XLA compares only sizes of arguments, so nothing but our own check stands between a wrong tensor
// and a wrong result.
TEST_P(PjrtRefusalsTest, RefusesTensorsThatDoNotFit) {
  const auto runtime = open(2);
  const auto other = open(2);
  auto loaded = runtime->load(sum_and_product(2, 2), ProgramKind::decode);
  ASSERT_TRUE(loaded.ok());
  Program& program = **loaded;
  const Shape shape{ElementType::f32, {2}};
  std::vector<std::unique_ptr<DeviceTensor>> owned;
  std::vector<RankBinding> right(2);
  for (int rank = 0; rank < 2; ++rank) {
    for (int i = 0; i < 4; ++i) {
      owned.push_back(zeros(*runtime, rank, shape));
      (i < 2 ? right[static_cast<size_t>(rank)].inputs : right[static_cast<size_t>(rank)].outputs)
          .push_back(owned.back().get());
    }
  }
  const auto refused = [&](const std::vector<RankBinding>& bindings) {
    const Status status = runtime->execute(program, bindings).status();
    EXPECT_EQ(status.code(), StatusCode::invalid_argument) << status.message();
    return status.message();
  };
  const auto with_input = [&](DeviceTensor* tensor) {
    std::vector<RankBinding> bindings = right;
    bindings[1].inputs[0] = tensor;
    return bindings;
  };
  const auto with_output = [&](DeviceTensor* tensor) {
    std::vector<RankBinding> bindings = right;
    bindings[1].outputs[0] = tensor;
    return bindings;
  };
  const auto integers = zeros(*runtime, 1, {ElementType::s32, {2}});
  EXPECT_THAT(refused(with_input(integers.get())),
              AllOf(HasSubstr("f32[2]"), HasSubstr("s32[2]"), HasSubstr("device 1")));
  const auto halves = zeros(*runtime, 1, {ElementType::f16, {4}});
  refused(with_input(halves.get()));
  const auto column = zeros(*runtime, 1, {ElementType::f32, {2, 1}});
  refused(with_input(column.get()));
  refused(with_output(column.get()));
  refused(with_input(right[0].inputs[0]));
  refused(with_input(nullptr));
  const auto foreign = zeros(*other, 1, shape);
  refused(with_input(foreign.get()));
  refused(with_output(right[1].outputs[1]));
  refused(with_output(right[1].inputs[1]));
  refused({right[0]});
  std::vector<RankBinding> few = right;
  few[1].inputs.pop_back();
  refused(few);
  const auto ticket = runtime->execute(program, right);
  ASSERT_TRUE(ticket.ok()) << ticket.status().message();
  EXPECT_TRUE(runtime->wait(*ticket, kNoDeadline).ok());
  // Programs, too.
  EXPECT_EQ(other->execute(program, right).status().code(), StatusCode::invalid_argument);
}

TEST_P(PjrtRefusalsTest, RefusesAnAliasThatIsNotOneTensor) {
  const auto runtime = open(1);
  auto program = runtime->load(update_row(1), ProgramKind::decode);
  ASSERT_TRUE(program.ok()) << program.status().message();
  const Shape shape{ElementType::f32, {1, 2}};
  const auto cache = zeros(*runtime, 0, shape);
  const auto row = zeros(*runtime, 0, shape);
  const auto at = zeros(*runtime, 0, {ElementType::s32, {}});
  const auto refused = [&](DeviceTensor* update, DeviceTensor* output) {
    const RankBinding binding[] = {{{cache.get(), update, at.get(), at.get()}, {output}}};
    return runtime->execute(**program, binding).status().code() == StatusCode::invalid_argument;
  };
  EXPECT_TRUE(refused(row.get(), row.get()));
  EXPECT_TRUE(refused(cache.get(), cache.get()));  // bound elsewhere too
  EXPECT_FALSE(refused(row.get(), cache.get()));
}

}  // namespace
}  // namespace ix::backend::xla::pjrt
