// The client's parts on each of the CPU plugins: what PjrtRuntime hides.
#include "backend/xla/pjrt/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "backend/xla/pjrt/compile_options.h"
#include "backend/xla/pjrt/open_client.h"
#include "xla/pjrt/pjrt_runtime_fixture.h"

namespace ix::backend::xla::pjrt {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PjrtClientTest : public ::testing::TestWithParam<testing::CpuPlugin> {
 protected:
  std::unique_ptr<Client> open(int devices) {
    auto plugin = Plugin::load(GetParam().path);
    IX_CHECK(plugin.ok());
    auto client = open_client(**plugin, devices);
    IX_CHECK(client.ok());
    return std::move(client).value();
  }
  static Buffer copy(const Client& client, size_t device, const Shape& shape, const void* data) {
    auto transfer =
        client.transfer(device, shape, data, abi::HostBufferSemantics::immutable_only_during_call);
    IX_CHECK(transfer.ok());
    return std::move(transfer->buffer);
  }
};
INSTANTIATE_TEST_SUITE_P(Cpu, PjrtClientTest, ::testing::ValuesIn(testing::cpu_plugins()),
                         testing::cpu_plugin_name);

TEST(CompileOptions, AreTheBytesThatProtobufWrites) {
  // CompileOptionsProto { executable_build_options: 3 { num_replicas: 4 = 2, num_partitions: 5 = 1,
  // device_assignment: 9 { replica_count: 1 = 2, computation_count: 2 = 1,
  // computation_devices: 3 { replica_device_ids: 1 = 0, 1 = 300 } } } }
  const std::array<unsigned char, 19> expected = {0x1a, 0x11, 0x20, 0x02, 0x28, 0x01, 0x4a,
                                                  0x0b, 0x08, 0x02, 0x10, 0x01, 0x1a, 0x05,
                                                  0x08, 0x00, 0x08, 0xac, 0x02};
  const std::array<int, 2> ids = {0, 300};
  EXPECT_EQ(compile_options(ids), std::string(expected.begin(), expected.end()));
}

TEST_P(PjrtClientTest, MakesTheDevicesThatItIsAskedFor) {
  for (const int devices : {1, 4, 64}) {
    const auto client = open(devices);
    EXPECT_EQ(client->platform(), "cpu");
    EXPECT_EQ(client->devices().size(), static_cast<size_t>(devices));
  }
}

TEST_P(PjrtClientTest, RunsReplicasOnTheDevicesOfTheOptions) {
  const auto client = open(4);
  const std::array<size_t, 2> devices = {3, 1};
  std::array<int, 2> ids{};
  for (size_t i = 0; i < 2; ++i) {
    const auto id = client->device_id(devices[i]);
    ASSERT_TRUE(id.ok());
    ids[i] = *id;
  }
  const auto program = client->compile(sum_and_product(1, 2).bytes, compile_options(ids));
  ASSERT_TRUE(program.ok()) << program.status().message();
  const auto used = program->devices();
  ASSERT_TRUE(used.ok());
  EXPECT_THAT(*used, ElementsAre(client->devices()[3], client->devices()[1]));
}

TEST_P(PjrtClientTest, SeesTheOutputsOfAProgram) {
  const auto client = open(1);
  TinyModule module("shapes");
  module.output("scalar", module.parameter("a", {ElementType::bf16, {}}));
  module.output("matrix", module.parameter("b", {ElementType::s8, {2, 3}}));
  module.output("empty", module.parameter("c", {ElementType::f32, {0, 5}}));
  const std::array<int, 1> ids = {0};
  const auto program = client->compile(module.finish().bytes, compile_options(ids));
  ASSERT_TRUE(program.ok()) << program.status().message();
  const auto shapes = program->output_shapes();
  ASSERT_TRUE(shapes.ok()) << shapes.status().message();
  EXPECT_THAT(*shapes, ElementsAre(Shape{ElementType::bf16, {}}, Shape{ElementType::s8, {2, 3}},
                                   Shape{ElementType::f32, {0, 5}}));
}

TEST_P(PjrtClientTest, DonatesAnArgument) {
  const auto client = open(1);
  const std::array<int, 1> ids = {0};
  const auto program = client->compile(update_row(2).bytes, compile_options(ids));
  ASSERT_TRUE(program.ok()) << program.status().message();
  const Floats zeros(4);
  const Floats row = {5, 6};
  const int32_t at = 1;
  const int32_t column = 0;
  const Buffer arguments[] = {copy(*client, 0, {ElementType::f32, {2, 2}}, zeros.data()),
                              copy(*client, 0, {ElementType::f32, {1, 2}}, row.data()),
                              copy(*client, 0, {ElementType::s32, {}}, &at),
                              copy(*client, 0, {ElementType::s32, {}}, &column)};
  const auto address = arguments[0].address();
  ASSERT_TRUE(address.ok());
  const std::vector<abi::Buffer*> lists[] = {
      {arguments[0].get(), arguments[1].get(), arguments[2].get(), arguments[3].get()}};
  const auto execution = program->execute(lists, 1);
  ASSERT_TRUE(execution.ok()) << execution.status().message();
  ASSERT_TRUE(execution->complete[0].await(kNoDeadline).ok());
  const Buffer& output = execution->outputs[0][0];
  EXPECT_EQ(output.address().value(), *address);
  EXPECT_TRUE(arguments[0].deleted().value());
  EXPECT_FALSE(arguments[1].deleted().value());
  EXPECT_FALSE(output.deleted().value());
  Floats values(4);
  ASSERT_TRUE(output.read(2, std::as_writable_bytes(std::span(values))).ok());
  EXPECT_THAT(values, ElementsAre(0, 0, 5, 6));

  // Neither read nor donated again.
  EXPECT_FALSE(arguments[0].read(2, std::as_writable_bytes(std::span(values))).ok());
  const auto again = program->execute(lists, 1);
  EXPECT_FALSE(again.ok());
}

TEST_P(PjrtClientTest, GivesAlignedHostMemoryBackWhenItsBufferGoes) {
  const auto client = open(1);
  alignas(64) float values[4] = {1, 2, 3, 4};
  auto transfer = client->transfer(0, {ElementType::f32, {4}}, values,
                                   abi::HostBufferSemantics::mutable_zero_copy);
  ASSERT_TRUE(transfer.ok());
  {
    const Buffer buffer = std::move(transfer->buffer);
    EXPECT_EQ(buffer.address().value(), reinterpret_cast<uintptr_t>(values));
    EXPECT_FALSE(transfer->done.ready().value());
  }
  EXPECT_TRUE(transfer->done.await(kNoDeadline).ok());
}

TEST_P(PjrtClientTest, ComparesRoomWithSizeWhenItReads) {
  const auto client = open(1);
  const Floats values = {1, 2, 3};
  const Buffer buffer = copy(*client, 0, {ElementType::f32, {3}}, values.data());
  std::array<std::byte, 8> room{};
  const Status status = buffer.read(1, room);
  EXPECT_EQ(status.code(), StatusCode::invalid_argument);
  EXPECT_THAT(status.message(), HasSubstr("12"));
}

}  // namespace
}  // namespace ix::backend::xla::pjrt
