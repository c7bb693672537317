// Loading plugins, and PjrtRuntime on fake ones: failures that a real plugin has no switch for.
#include "backend/xla/pjrt/plugin.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "backend/xla/pjrt/pjrt_runtime.h"
#include "support/temp_dir.h"
#include "xla/pjrt/fake_plugin.h"
#include "xla/pjrt/plugins.h"

namespace ix::backend::xla::pjrt {
namespace {

using hlo::ElementType;
using hlo::Module;
using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::FakePlugin;
using ::testing::HasSubstr;
using testing::TempDir;

const std::string kFakes = IX_FAKE_PLUGINS;
const std::string kFake = kFakes + "/libix_fake_pjrt.so";
const std::string kFakeGpu = kFakes + "/libix_fake_pjrt_gpu.so";

std::string strict_fake(int minor) {
  return kFakes + "/libix_fake_pjrt_strict_" + std::to_string(minor) + ".so";
}

TEST(Plugin, RefusesAMissingFile) {
  const auto plugin = Plugin::load("/nowhere/plugin.so");
  EXPECT_EQ(plugin.status().code(), StatusCode::not_found);
  EXPECT_THAT(plugin.status().message(), HasSubstr("/nowhere/plugin.so"));
}

TEST(Plugin, RefusesAFolder) {
  const TempDir folder;
  EXPECT_EQ(Plugin::load(folder.path()).status().code(), StatusCode::invalid_argument);
}

TEST(Plugin, RefusesAFileThatIsNoLibrary) {
  const TempDir folder;
  const std::string text = folder.write("plugin.so", "not a library, though it has its name");
  const auto plugin = Plugin::load(text);
  EXPECT_EQ(plugin.status().code(), StatusCode::invalid_argument);
  EXPECT_THAT(plugin.status().message(), AllOf(HasSubstr(text), HasSubstr("cannot be loaded")));
}

TEST(Plugin, RefusesALibraryWithoutGetPjrtApi) {
  Dl_info libc{};
  ASSERT_NE(::dladdr(reinterpret_cast<void*>(&::getpid), &libc), 0);
  const auto plugin = Plugin::load(libc.dli_fname);
  EXPECT_EQ(plugin.status().code(), StatusCode::invalid_argument);
  EXPECT_THAT(plugin.status().message(), HasSubstr("GetPjrtApi"));
}

TEST(Plugin, RefusesAVersionWhoseTableHasAnotherOrder) {
  const auto plugin = Plugin::load(kFakes + "/libix_fake_pjrt_56.so");
  EXPECT_EQ(plugin.status().code(), StatusCode::unsupported);
  EXPECT_THAT(plugin.status().message(), AllOf(HasSubstr("0.56"), HasSubstr("0.57")));
}

TEST(Plugin, IsTheSameForTheSameFile) {
  const TempDir folder;
  std::filesystem::create_symlink(kFake, folder.path("link.so"));
  const auto first = Plugin::load(kFake);
  const auto second = Plugin::load(folder.path("link.so"));
  const auto other = Plugin::load(kFakeGpu);
  ASSERT_TRUE(first.ok() && second.ok() && other.ok());
  EXPECT_EQ(*first, *second);
  EXPECT_NE(*first, *other);
}

class CpuPluginTest : public ::testing::TestWithParam<testing::CpuPlugin> {};
INSTANTIATE_TEST_SUITE_P(Cpu, CpuPluginTest, ::testing::ValuesIn(testing::cpu_plugins()),
                         testing::cpu_plugin_name);

TEST_P(CpuPluginTest, HasTheVersionOfItsPackage) {
  const auto plugin = Plugin::load(GetParam().path);
  ASSERT_TRUE(plugin.ok()) << plugin.status().message();
  EXPECT_EQ((*plugin)->version_major(), 0);
  EXPECT_EQ((*plugin)->version_minor(), GetParam().minor);
}

// A program of the fake plugin: `text` as fake_plugin.cc reads it.
Module fake_program(const std::string& text, bool in_place = false) {
  Module module;
  module.name = "fake";
  module.bytes = text;
  module.parameters = {{"x", {ElementType::f32, {2}}}};
  module.outputs = {{"y", {ElementType::f32, {2}}}};
  if (in_place) module.aliases = {{0, 0}};
  return module;
}

class FakePluginTest : public ::testing::Test {
 protected:
  void open(const std::string& path) {
    fake_.emplace(path);
    auto runtime = PjrtRuntime::open({path, 1});
    ASSERT_TRUE(runtime.ok()) << runtime.status().message();
    runtime_ = std::move(runtime).value();
    x_ = tensor({1, 2});
    y_ = tensor({0, 0});
  }
  void close() {
    x_.reset();
    y_.reset();
    program_.reset();
    runtime_.reset();
  }
  std::unique_ptr<DeviceTensor> tensor(const std::array<float, 2>& values) {
    auto upload = runtime_->upload(0, {ElementType::f32, {2}}, "tensor");
    IX_CHECK(upload.ok() && (*upload)->write(0, std::as_bytes(std::span(values))).ok());
    auto made = (*upload)->finish();
    IX_CHECK(made.ok());
    return std::move(made).value();
  }
  // Loads and starts fake_program(text).
  Result<Ticket> start(const std::string& text, bool in_place = false) {
    auto program = runtime_->load(fake_program(text, in_place), ProgramKind::decode);
    if (!program.ok()) return program.status();
    program_ = std::move(program).value();
    return again(in_place);
  }
  Result<Ticket> again(bool in_place = false) {
    const RankBinding binding[] = {{{x_.get()}, {in_place ? x_.get() : y_.get()}}};
    return runtime_->execute(*program_, binding);
  }
  Status read(const DeviceTensor& tensor, std::array<float, 2>& values) {
    return runtime_->read(tensor, std::as_writable_bytes(std::span(values)));
  }

  std::optional<FakePlugin> fake_;
  std::unique_ptr<PjrtRuntime> runtime_;
  std::unique_ptr<DeviceTensor> x_;
  std::unique_ptr<DeviceTensor> y_;
  std::unique_ptr<Program> program_;
};

TEST_F(FakePluginTest, DestroysEveryObjectOnce) {
  open(kFake);
  const auto ticket = start("run");
  ASSERT_TRUE(ticket.ok()) << ticket.status().message();
  ASSERT_TRUE(runtime_->wait(*ticket, kNoDeadline).ok());
  std::array<float, 2> values{};
  ASSERT_TRUE(read(*y_, values).ok());
  EXPECT_THAT(values, ElementsAre(1, 2));
  EXPECT_FALSE(start("refuse 3").ok());
  EXPECT_GT(fake_->live_objects(), 0);
  close();
  EXPECT_EQ(fake_->live_objects(), 0);
}

TEST_F(FakePluginTest, ErrorsKeepTheirKindAndMessage) {
  open(kFake);
  const std::array<std::pair<int, StatusCode>, 16> kinds = {{
      {1, StatusCode::cancelled},
      {2, StatusCode::internal},
      {3, StatusCode::invalid_argument},
      {4, StatusCode::deadline_exceeded},
      {5, StatusCode::not_found},
      {6, StatusCode::invalid_argument},
      {7, StatusCode::permission_denied},
      {8, StatusCode::resource_exhausted},
      {9, StatusCode::invalid_argument},
      {10, StatusCode::cancelled},
      {11, StatusCode::invalid_argument},
      {12, StatusCode::unsupported},
      {13, StatusCode::internal},
      {14, StatusCode::unavailable},
      {15, StatusCode::corrupt},
      {16, StatusCode::permission_denied},
  }};
  for (const auto& [code, kind] : kinds) {
    const Status status = start("refuse " + std::to_string(code)).status();
    EXPECT_EQ(status.code(), kind) << code;
    EXPECT_EQ(status.message(), "program fake: refused");
  }
  // A code that absl does not have.
  EXPECT_EQ(start("refuse 31").status().code(), StatusCode::internal);
  EXPECT_EQ(runtime_->health().state, HealthState::ok);
}

TEST_F(FakePluginTest, AFailedExecutionIsToldByWait) {
  open(kFake);
  const auto ticket = start("fail_later 8");
  ASSERT_TRUE(ticket.ok()) << ticket.status().message();
  const Status status = runtime_->wait(*ticket, kNoDeadline);
  EXPECT_EQ(status.code(), StatusCode::resource_exhausted);
  EXPECT_EQ(status.message(), "program fake: failed while running");
  std::array<float, 2> values{};
  EXPECT_EQ(read(*y_, values).code(), StatusCode::resource_exhausted);
  // Nothing was donated: the next one can run.
  EXPECT_EQ(runtime_->health().state, HealthState::ok);
  const auto next = start("run");
  ASSERT_TRUE(next.ok());
  EXPECT_TRUE(runtime_->wait(*next, kNoDeadline).ok());
}

TEST_F(FakePluginTest, AFailedExecutionThatHadDonatedTensorsKillsTheRuntime) {
  for (const std::string program : {"fail_later 13", "fail_at_once 13"}) {
    open(kFake);
    const auto ticket = start(program, true);
    const Status status = ticket.ok() ? runtime_->wait(*ticket, kNoDeadline) : ticket.status();
    EXPECT_EQ(status.code(), StatusCode::internal) << program;
    EXPECT_EQ(runtime_->health().state, HealthState::dead);
    EXPECT_EQ(runtime_->health().status.message(), status.message());
    EXPECT_EQ(again(true).status().message(), status.message());
    close();
    EXPECT_EQ(fake_->live_objects(), 0);
  }
}

TEST_F(FakePluginTest, AnExecutionThatIsRefusedLeavesTheRuntimeAlive) {
  open(kFake);
  EXPECT_EQ(start("fail_at_once 8").status().code(), StatusCode::resource_exhausted);
  EXPECT_EQ(runtime_->health().state, HealthState::ok);
}

TEST_F(FakePluginTest, ADeadlineKillsTheRuntime) {
  open(kFake);
  const auto ticket = start("hang");
  ASSERT_TRUE(ticket.ok()) << ticket.status().message();
  const auto now = std::chrono::steady_clock::now();
  const Status status = runtime_->wait(*ticket, now + std::chrono::milliseconds(5));
  EXPECT_EQ(status.code(), StatusCode::deadline_exceeded);
  EXPECT_GE(std::chrono::steady_clock::now(), now + std::chrono::milliseconds(5));

  EXPECT_EQ(runtime_->health().state, HealthState::dead);
  std::array<float, 2> values{};
  const auto bytes = std::as_writable_bytes(std::span(values));
  const hlo::Shape shape{ElementType::f32, {2}};
  const Status calls[] = {
      runtime_->wait(*ticket, kNoDeadline),
      again().status(),
      runtime_->read(*x_, bytes),
      runtime_->write(*x_, bytes),
      runtime_->tensor(0, shape, "x").status(),
      runtime_->upload(0, shape, "x").status(),
      runtime_->load(fake_program("run"), ProgramKind::decode).status(),
  };
  for (const Status& call : calls) {
    EXPECT_EQ(call.code(), StatusCode::deadline_exceeded);
    EXPECT_EQ(call.message(), status.message());
  }
  // Goes without waiting for the device, which may answer afterwards.
  close();
  fake_->end_hanging();
}

TEST_F(FakePluginTest, AnExecutionThatHasEndedIsNotLate) {
  open(kFake);
  const auto ticket = start("run");
  ASSERT_TRUE(ticket.ok());
  EXPECT_TRUE(runtime_->wait(*ticket, std::chrono::steady_clock::now()).ok());
}

TEST_F(FakePluginTest, SaysTheSizesOfThePluginsVersion) {
  for (const int minor : {57, 63, 75, 77}) {
    open(strict_fake(minor));
    const auto ticket = start("run");
    ASSERT_TRUE(ticket.ok()) << minor << ": " << ticket.status().message();
    ASSERT_TRUE(runtime_->wait(*ticket, kNoDeadline).ok());
    std::array<float, 2> values{};
    ASSERT_TRUE(read(*y_, values).ok());
    EXPECT_THAT(values, ElementsAre(1, 2));
    // Its table ends before this function.
    const auto stats = runtime_->memory_stats(*program_);
    EXPECT_EQ(stats.status().code(), StatusCode::unsupported);
    close();
    EXPECT_EQ(fake_->live_objects(), 0) << minor;
  }
}

TEST_F(FakePluginTest, GivesAGpuTheOptionsThatItKnows) {
  open(kFakeGpu);
  EXPECT_EQ(runtime_->description(), "xla fake gpu, 1 device");
  // Reads the uploaded memory only now.
  const auto ticket = start("run");
  ASSERT_TRUE(ticket.ok()) << ticket.status().message();
  ASSERT_TRUE(runtime_->wait(*ticket, kNoDeadline).ok());
  std::array<float, 2> values{};
  ASSERT_TRUE(read(*y_, values).ok());
  EXPECT_THAT(values, ElementsAre(1, 2));
}

TEST_F(FakePluginTest, RefusesMoreDevicesThanThereAre) {
  const auto runtime = PjrtRuntime::open({kFake, 3});
  EXPECT_EQ(runtime.status().code(), StatusCode::not_found);
  EXPECT_THAT(runtime.status().message(), HasSubstr("3 devices"));
  EXPECT_EQ(PjrtRuntime::open({kFake, 0}).status().code(), StatusCode::invalid_argument);
}

}  // namespace
}  // namespace ix::backend::xla::pjrt
