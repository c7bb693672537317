// Programs and tensors on each of the CPU plugins.
#include "backend/xla/pjrt/pjrt_runtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "xla/pjrt/pjrt_runtime_fixture.h"

namespace ix::backend::xla::pjrt {
namespace {

using ::testing::ElementsAre;

INSTANTIATE_TEST_SUITE_P(Cpu, PjrtRuntimeTest, ::testing::ValuesIn(testing::cpu_plugins()),
                         testing::cpu_plugin_name);

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

// What a compiler plans for one device: the whole cache in place, nothing copied.
TEST_P(PjrtRuntimeTest, TellsTheMemoryOfAProgram) {
  const auto runtime = open(1);
  const int64_t rows = 1 << 16;
  auto program = runtime->load(update_row(rows), ProgramKind::decode);
  ASSERT_TRUE(program.ok()) << program.status().message();
  const auto stats = runtime->memory_stats(**program);
  ASSERT_TRUE(stats.ok()) << stats.status().message();
  const int64_t cache_bytes = rows * 2 * 4;
  EXPECT_EQ(stats->aliased, cache_bytes);
  EXPECT_GE(stats->arguments, cache_bytes);
  EXPECT_LT(stats->temporary, cache_bytes);
}

TEST_P(PjrtRuntimeTest, ReadsWhatWasUploadedInPieces) {
  const auto runtime = open(2);
  const Shape shape{ElementType::u16, {3, 1000}};
  std::vector<uint16_t> values(3000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint16_t>(i * 7919);
  const auto bytes = std::as_bytes(std::span(values));
  auto upload = runtime->upload(1, shape, "pieces");
  ASSERT_TRUE(upload.ok());
  ASSERT_TRUE((*upload)->write(4000, bytes.subspan(4000)).ok());
  ASSERT_TRUE((*upload)->write(1, bytes.subspan(1, 3999)).ok());
  ASSERT_TRUE((*upload)->write(0, bytes.first(1)).ok());
  const auto tensor = (*upload)->finish();
  ASSERT_TRUE(tensor.ok()) << tensor.status().message();
  EXPECT_EQ((*tensor)->rank(), 1);
  EXPECT_EQ((*tensor)->shape(), shape);
  std::vector<uint16_t> read(values.size());
  ASSERT_TRUE(runtime->read(**tensor, std::as_writable_bytes(std::span(read))).ok());
  EXPECT_EQ(read, values);
}

TEST_P(PjrtRuntimeTest, KeepsTensorsOfEveryType) {
  const auto runtime = open(1);
  for (const ElementType type :
       {ElementType::pred, ElementType::s8, ElementType::s16, ElementType::s32, ElementType::s64,
        ElementType::u8, ElementType::u16, ElementType::u32, ElementType::u64, ElementType::f16,
        ElementType::f32, ElementType::f64, ElementType::bf16}) {
    for (const std::vector<int64_t>& dims : {std::vector<int64_t>{}, {5}, {2, 3, 4}, {4, 0}}) {
      const Shape shape{type, dims};
      std::vector<std::byte> bytes(static_cast<size_t>(hlo::byte_size(shape)), std::byte{1});
      const auto tensor = upload(*runtime, 0, shape, bytes);
      std::vector<std::byte> read(bytes.size());
      EXPECT_TRUE(runtime->read(*tensor, read).ok()) << hlo::to_text(shape);
      EXPECT_EQ(read, bytes) << hlo::to_text(shape);
      bytes.assign(bytes.size(), std::byte{0});
      ASSERT_TRUE(runtime->write(*tensor, bytes).ok());
      EXPECT_TRUE(runtime->read(*tensor, read).ok()) << hlo::to_text(shape);
      EXPECT_EQ(read, bytes) << hlo::to_text(shape);
    }
  }
}

TEST_P(PjrtRuntimeTest, WaitsInTheOrderOfExecution) {
  const auto runtime = open(2);
  TinyModule module("doubled");
  const auto x = module.parameter("x", {ElementType::f32, {1}});
  module.output("x", module.all_reduce_sum(x));
  module.alias(0);
  auto program = runtime->load(module.finish(2), ProgramKind::decode);
  ASSERT_TRUE(program.ok()) << program.status().message();
  const auto first = upload(*runtime, 0, {1});
  const auto second = upload(*runtime, 1, {1});
  const RankBinding bindings[] = {{{first.get()}, {first.get()}}, {{second.get()}, {second.get()}}};
  std::vector<Ticket> tickets;
  for (int i = 0; i < 10; ++i) {
    const auto ticket = runtime->execute(**program, bindings);
    ASSERT_TRUE(ticket.ok()) << ticket.status().message();
    tickets.push_back(*ticket);
  }
  EXPECT_EQ(runtime->wait(tickets[1], kNoDeadline).code(), StatusCode::invalid_argument);
  for (const Ticket ticket : tickets) EXPECT_TRUE(runtime->wait(ticket, kNoDeadline).ok());
  EXPECT_EQ(runtime->wait(tickets.back(), kNoDeadline).code(), StatusCode::invalid_argument);
  EXPECT_THAT(read(*runtime, *first), ElementsAre(1024));
  EXPECT_THAT(read(*runtime, *second), ElementsAre(1024));
}

TEST_P(PjrtRuntimeTest, GoesWithExecutionsInFlight) {
  const auto runtime = open(1);
  auto program = runtime->load(update_row(1 << 20), ProgramKind::decode);
  ASSERT_TRUE(program.ok());
  const auto cache = zeros(*runtime, 0, {ElementType::f32, {1 << 20, 2}});
  const auto row = zeros(*runtime, 0, {ElementType::f32, {1, 2}});
  const auto at = zeros(*runtime, 0, {ElementType::s32, {}});
  const RankBinding binding[] = {{{cache.get(), row.get(), at.get(), at.get()}, {cache.get()}}};
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(runtime->execute(**program, binding).ok());
}

// Two runtimes of this plugin and one of every other at once.
TEST_P(PjrtRuntimeTest, RunsBesideOthers) {
  std::vector<std::unique_ptr<PjrtRuntime>> runtimes;
  for (int i = 0; i < 2; ++i) runtimes.push_back(open(1 + i));
  for (const testing::CpuPlugin& plugin : testing::cpu_plugins()) {
    auto runtime = PjrtRuntime::open({plugin.path, 1});
    ASSERT_TRUE(runtime.ok()) << runtime.status().message();
    runtimes.push_back(std::move(runtime).value());
  }
  for (size_t i = 0; i < runtimes.size(); ++i) {
    PjrtRuntime& runtime = *runtimes[i];
    const int ranks = runtime.ranks();
    TinyModule module("squares");
    const auto x = module.parameter("x", {ElementType::f32, {1}});
    module.output("y", module.multiply(x, x));
    auto program = runtime.load(module.finish(ranks), ProgramKind::decode);
    ASSERT_TRUE(program.ok()) << program.status().message();
    std::vector<std::unique_ptr<DeviceTensor>> tensors;
    std::vector<RankBinding> bindings;
    for (int rank = 0; rank < ranks; ++rank) {
      tensors.push_back(upload(runtime, rank, {static_cast<float>(i) + 3}));
      tensors.push_back(zeros(runtime, rank, {ElementType::f32, {1}}));
      bindings.push_back({{tensors.end()[-2].get()}, {tensors.back().get()}});
    }
    const auto ticket = runtime.execute(**program, bindings);
    ASSERT_TRUE(ticket.ok()) << ticket.status().message();
    ASSERT_TRUE(runtime.wait(*ticket, kNoDeadline).ok());
    const float square = (static_cast<float>(i) + 3) * (static_cast<float>(i) + 3);
    EXPECT_THAT(read(runtime, *bindings.back().outputs[0]), ElementsAre(square));
  }
}

// Weights are uploaded and programs compiled by several threads while another one executes.
TEST_P(PjrtRuntimeTest, LoadsWhileItExecutes) {
  const auto runtime = open(1);
  auto program = runtime->load(sum_and_product(2), ProgramKind::decode);
  ASSERT_TRUE(program.ok());
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        const Floats values(1000, static_cast<float>(t * 10 + i));
        const auto tensor = upload(*runtime, 0, values);
        if (i == 0 && !runtime->load(sum_and_product(4 + t), ProgramKind::prefill).ok()) return;
        if (tensor->shape().dims[0] == 1000) ++right;
      }
    });
  }
  const auto a = upload(*runtime, 0, {1, 2});
  const auto sum = zeros(*runtime, 0, {ElementType::f32, {2}});
  const auto product = zeros(*runtime, 0, {ElementType::f32, {2}});
  const RankBinding binding[] = {{{a.get(), a.get()}, {sum.get(), product.get()}}};
  for (int i = 0; i < 20; ++i) {
    const auto ticket = runtime->execute(**program, binding);
    ASSERT_TRUE(ticket.ok());
    ASSERT_TRUE(runtime->wait(*ticket, kNoDeadline).ok());
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 30);
  EXPECT_THAT(read(*runtime, *sum), ElementsAre(2, 4));
}

}  // namespace
}  // namespace ix::backend::xla::pjrt
