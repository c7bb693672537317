// PjrtRuntime on each of the CPU plugins.
#include "backend/xla/pjrt/pjrt_runtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "xla/pjrt/plugins.h"
#include "xla/pjrt/tiny_module.h"

namespace ix::backend::xla::pjrt {
namespace {

using hlo::ElementType;
using hlo::Module;
using hlo::Shape;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TinyModule;

using Floats = std::vector<float>;

std::span<const std::byte> bytes_of(const Floats& values) {
  return std::as_bytes(std::span(values));
}

class PjrtRuntimeTest : public ::testing::TestWithParam<testing::CpuPlugin> {
 protected:
  std::unique_ptr<PjrtRuntime> open(int devices) {
    auto runtime = PjrtRuntime::open({GetParam().path, devices});
    IX_CHECK(runtime.ok());
    return std::move(runtime).value();
  }

  static std::unique_ptr<DeviceTensor> upload(Runtime& runtime, int rank, const Shape& shape,
                                              std::span<const std::byte> bytes) {
    auto upload = runtime.upload(rank, shape, "uploaded");
    IX_CHECK(upload.ok());
    IX_CHECK((*upload)->write(0, bytes).ok());
    auto tensor = (*upload)->finish();
    IX_CHECK(tensor.ok());
    return std::move(tensor).value();
  }
  static std::unique_ptr<DeviceTensor> upload(Runtime& runtime, int rank, const Floats& values) {
    return upload(runtime, rank, {ElementType::f32, {static_cast<int64_t>(values.size())}},
                  bytes_of(values));
  }
  static std::unique_ptr<DeviceTensor> zeros(Runtime& runtime, int rank, const Shape& shape) {
    auto tensor = runtime.tensor(rank, shape, "zeros");
    IX_CHECK(tensor.ok());
    return std::move(tensor).value();
  }
  static Floats read(Runtime& runtime, const DeviceTensor& tensor) {
    Floats values(static_cast<size_t>(hlo::element_count(tensor.shape())), -1);
    const Status status = runtime.read(tensor, std::as_writable_bytes(std::span(values)));
    EXPECT_TRUE(status.ok()) << status.message();
    return values;
  }
};

INSTANTIATE_TEST_SUITE_P(Cpu, PjrtRuntimeTest, ::testing::ValuesIn(testing::cpu_plugins()),
                         testing::cpu_plugin_name);

// sum = a + b, product = a * b
Module sum_and_product(int64_t size, int32_t replicas = 1) {
  TinyModule module("sum_and_product");
  const auto a = module.parameter("a", {ElementType::f32, {size}});
  const auto b = module.parameter("b", {ElementType::f32, {size}});
  module.output("sum", module.add(a, b));
  module.output("product", module.multiply(a, b));
  return module.finish(replicas);
}

TEST_P(PjrtRuntimeTest, RunsAProgram) {
  const auto runtime = open(1);
  auto program = runtime->load(sum_and_product(3), ProgramKind::decode);
  ASSERT_TRUE(program.ok()) << program.status().message();
  const auto a = upload(*runtime, 0, {1, 2, 3});
  const auto b = upload(*runtime, 0, {10, 20, 30});
  const auto sum = zeros(*runtime, 0, {ElementType::f32, {3}});
  const auto product = zeros(*runtime, 0, {ElementType::f32, {3}});
  const RankBinding binding[] = {{{a.get(), b.get()}, {sum.get(), product.get()}}};
  const auto ticket = runtime->execute(**program, binding);
  ASSERT_TRUE(ticket.ok()) << ticket.status().message();
  ASSERT_TRUE(runtime->wait(*ticket, kNoDeadline).ok());
  EXPECT_THAT(read(*runtime, *sum), ElementsAre(11, 22, 33));
  EXPECT_THAT(read(*runtime, *product), ElementsAre(10, 40, 90));
}

TEST_P(PjrtRuntimeTest, SumsOverFourDevices) {
  const auto runtime = open(4);
  EXPECT_EQ(runtime->ranks(), 4);
  EXPECT_EQ(runtime->description(), "xla cpu, 4 devices");
  TinyModule module("all_reduce");
  module.output("sum", module.all_reduce_sum(module.parameter("x", {ElementType::f32, {2}})));
  auto program = runtime->load(module.finish(4), ProgramKind::decode);
  ASSERT_TRUE(program.ok()) << program.status().message();
  std::vector<std::unique_ptr<DeviceTensor>> tensors;
  std::vector<RankBinding> bindings;
  for (int rank = 0; rank < 4; ++rank) {
    tensors.push_back(upload(*runtime, rank, {static_cast<float>(rank + 1), 100}));
    DeviceTensor* input = tensors.back().get();
    tensors.push_back(zeros(*runtime, rank, {ElementType::f32, {2}}));
    bindings.push_back({{input}, {tensors.back().get()}});
  }
  const auto ticket = runtime->execute(**program, bindings);
  ASSERT_TRUE(ticket.ok()) << ticket.status().message();
  ASSERT_TRUE(runtime->wait(*ticket, kNoDeadline).ok());
  for (const RankBinding& binding : bindings) {
    EXPECT_THAT(read(*runtime, *binding.outputs[0]), ElementsAre(1 + 2 + 3 + 4, 400));
  }
}

// cache f32[rows, 2], row f32[1, 2], at s32[] -> cache with the row at `at`, in place
Module update_row(int64_t rows) {
  TinyModule module("update_row");
  const auto cache = module.parameter("cache", {ElementType::f32, {rows, 2}});
  const auto row = module.parameter("row", {ElementType::f32, {1, 2}});
  const auto at = module.parameter("at", {ElementType::s32, {}});
  const auto column = module.parameter("column", {ElementType::s32, {}});
  module.output("cache", module.dynamic_update_slice(cache, row, {at, column}));
  module.alias(0);
  return module.finish();
}

TEST_P(PjrtRuntimeTest, UpdatesADonatedTensorInPlace) {
  const auto runtime = open(1);
  auto program = runtime->load(update_row(3), ProgramKind::decode);
  ASSERT_TRUE(program.ok()) << program.status().message();
  const auto cache = zeros(*runtime, 0, {ElementType::f32, {3, 2}});
  const auto row = upload(*runtime, 0, {ElementType::f32, {1, 2}}, bytes_of({7, 8}));
  const auto at = zeros(*runtime, 0, {ElementType::s32, {}});
  const auto column = zeros(*runtime, 0, {ElementType::s32, {}});
  const auto before = runtime->address(*cache);
  ASSERT_TRUE(before.ok()) << before.status().message();
  const RankBinding binding[] = {{{cache.get(), row.get(), at.get(), column.get()}, {cache.get()}}};
  // Three in flight: rows 0, 1 and 2 become (7, 8), (9, 10) and (11, 12).
  std::vector<Ticket> tickets;
  for (int32_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(runtime->write(*at, std::as_bytes(std::span(&i, 1))).ok());
    const Floats values = {static_cast<float>(7 + 2 * i), static_cast<float>(8 + 2 * i)};
    ASSERT_TRUE(runtime->write(*row, bytes_of(values)).ok());
    const auto ticket = runtime->execute(**program, binding);
    ASSERT_TRUE(ticket.ok()) << ticket.status().message();
    tickets.push_back(*ticket);
  }
  for (const Ticket ticket : tickets) ASSERT_TRUE(runtime->wait(ticket, kNoDeadline).ok());
  EXPECT_THAT(read(*runtime, *cache), ElementsAre(7, 8, 9, 10, 11, 12));
  const auto after = runtime->address(*cache);
  ASSERT_TRUE(after.ok());
  EXPECT_EQ(*after, *before);
}

}  // namespace
}  // namespace ix::backend::xla::pjrt
