#include "backend/neuron/neuron_runtime.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "backend/xla/hlo/builder.h"
#include "neuron/cache_step.h"
#include "neuron/fake_device.h"

namespace ix::backend::neuron {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using xla::ProgramKind;
using xla::hlo::ElementType;
using Floats = std::vector<float>;

Floats all_of(float value) { return Floats(kStepWidth, value); }

class NeuronRuntimeRanks : public testing::TestWithParam<int> {};

TEST_P(NeuronRuntimeRanks, RunsStepsOnAllCores) {
  const int ranks = GetParam();
  FakeDevice device(ranks);
  {
    const auto runtime = device.open();
    ASSERT_EQ(runtime->ranks(), ranks);
    const auto program = runtime->load(cache_step(ranks), ProgramKind::decode);
    ASSERT_TRUE(program.ok()) << program.status().message();
    CacheStep step(*runtime, **program);
    // Rows 0 and 1 of every core's cache are summed over all cores.
    EXPECT_EQ(*step.step(0, 1.5F), all_of(1.5F * static_cast<float>(ranks)));
    EXPECT_EQ(*step.step(1, 2.0F), all_of(3.5F * static_cast<float>(ranks)));
    EXPECT_EQ(*step.result(ranks - 1), all_of(3.5F * static_cast<float>(ranks)));
    // The last row is reached, and nothing beside it changes.
    ASSERT_TRUE(step.step(kStepRows - 1, 4.0F).ok());
    Floats expected(kStepRows * kStepWidth, 0.0F);
    std::fill_n(expected.begin(), kStepWidth, 1.5F);
    std::fill_n(expected.begin() + kStepWidth, kStepWidth, 2.0F);
    std::fill_n(expected.end() - kStepWidth, kStepWidth, 4.0F);
    EXPECT_EQ(*step.cache(ranks - 1), expected);
  }
  EXPECT_THAT(device.log("COMPLAINT"), testing::IsEmpty());
  EXPECT_THAT(device.log("ERROR"), testing::IsEmpty());
  EXPECT_EQ(device.log("loaded step").size(), static_cast<size_t>(ranks));
  EXPECT_EQ(device.log("unloaded step").size(), static_cast<size_t>(ranks));
  EXPECT_EQ(device.log("nrt_close").size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Degrees, NeuronRuntimeRanks, testing::Values(1, 2, 4, 8, 12, 24));

TEST(NeuronRuntime, KeepsStepsInFlightInOrder) {
  FakeDevice device(2);
  device.script("nrt_execute@0 1 delay:300");
  const auto runtime = device.open();
  const auto program = runtime->load(cache_step(2), ProgramKind::decode);
  CacheStep step(*runtime, **program);
  // The second step's input is written while the first runs, and the third's behind it.
  std::vector<Ticket> tickets;
  for (int32_t i = 0; i < 3; ++i) tickets.push_back(*step.submit(i, static_cast<float>(i + 1)));
  EXPECT_EQ(runtime->wait(tickets[1], kNoDeadline).code(), StatusCode::invalid_argument);
  for (const Ticket ticket : tickets) EXPECT_TRUE(runtime->wait(ticket, kNoDeadline).ok());
  EXPECT_EQ(*step.result(0), all_of((1 + 2 + 3) * 2));
  EXPECT_EQ(runtime->wait(tickets[2], kNoDeadline).code(), StatusCode::invalid_argument);
}

TEST(NeuronRuntime, SwitchesBetweenProgramsThatShareACache) {
  FakeDevice device(2);
  const auto runtime = device.open();
  const auto decode = runtime->load(cache_step(2), ProgramKind::decode);
  const auto prefill = runtime->load(cache_step(2), ProgramKind::prefill);
  CacheStep step(*runtime, **decode);
  ASSERT_TRUE(step.step(0, 1.0F).ok());
  const auto ticket = runtime->execute(**prefill, step.bindings());
  ASSERT_TRUE(run_within_limit(*runtime, ticket).ok());
  EXPECT_EQ(*step.result(0), all_of(2.0F));
}

TEST(NeuronRuntime, UploadsInPiecesOfAnyOrder) {
  FakeDevice device(1);
  const auto runtime = device.open();
  const xla::hlo::Shape shape{ElementType::u8, {10}};
  const auto upload = runtime->upload(0, shape, "w");
  ASSERT_TRUE(upload.ok());
  std::vector<std::byte> bytes;
  for (int i = 0; i < 10; ++i) bytes.push_back(static_cast<std::byte>(i));
  const std::span<const std::byte> all(bytes);
  ASSERT_TRUE((*upload)->write(6, all.subspan(6)).ok());
  EXPECT_EQ((*upload)->write(8, all.first(3)).code(), StatusCode::invalid_argument);
  EXPECT_EQ((*upload)->write(-1, all.first(1)).code(), StatusCode::invalid_argument);
  EXPECT_EQ((*upload)->finish().status().code(), StatusCode::invalid_argument);
  ASSERT_TRUE((*upload)->write(0, all.first(6)).ok());
  const auto tensor = (*upload)->finish();
  ASSERT_TRUE(tensor.ok());
  std::vector<std::byte> read(10);
  ASSERT_TRUE(runtime->read(**tensor, read).ok());
  EXPECT_EQ(read, bytes);
  EXPECT_EQ(runtime->read(**tensor, std::span(read).first(9)).code(), StatusCode::invalid_argument);
}

TEST(NeuronRuntime, RefusesBindingsThatAreNotTheProgram) {
  FakeDevice device(2);
  const auto runtime = device.open();
  const auto program = runtime->load(cache_step(2), ProgramKind::decode);
  CacheStep step(*runtime, **program);
  const std::vector<xla::RankBinding> good = step.bindings();
  const auto refused = [&](const std::vector<xla::RankBinding>& bindings) {
    const auto ticket = runtime->execute(**program, bindings);
    return !ticket.ok() && ticket.status().code() == StatusCode::invalid_argument;
  };
  auto bad = good;
  bad.pop_back();
  EXPECT_TRUE(refused(bad));
  bad = good;
  bad[0].inputs.pop_back();
  EXPECT_TRUE(refused(bad));
  bad = good;
  std::swap(bad[0], bad[1]);  // tensors of the other core
  EXPECT_TRUE(refused(bad));
  bad = good;
  std::swap(bad[0].inputs[0], bad[0].inputs[1]);  // shapes
  EXPECT_TRUE(refused(bad));
  bad = good;
  const auto other_cache = runtime->tensor(0, good[0].inputs[2]->shape(), "other");
  bad[0].outputs[0] = other_cache->get();  // the alias
  EXPECT_TRUE(refused(bad));
  bad = good;
  bad[0].outputs[1] = bad[0].inputs[0];  // an output over an input
  EXPECT_TRUE(refused(bad));
  bad = good;
  bad[0].inputs[0] = nullptr;
  EXPECT_TRUE(refused(bad));
  // Such steps had no effect.
  EXPECT_EQ(*step.step(0, 1.0F), all_of(2.0F));
  EXPECT_EQ(runtime->load(cache_step(1), ProgramKind::decode).status().code(),
            StatusCode::invalid_argument);
}

TEST(NeuronRuntime, TakesNeffsThatNameTensorsByPosition) {
  const ScopedVariable names("FAKE_NEURONX_CC_NAMES", "position");
  FakeDevice device(2);
  const auto runtime = device.open();
  const auto program = runtime->load(cache_step(2), ProgramKind::decode);
  ASSERT_TRUE(program.ok()) << program.status().message();
  CacheStep step(*runtime, **program);
  EXPECT_EQ(*step.step(0, 1.0F), all_of(2.0F));
}

TEST(NeuronRuntime, SaysWhichTensorFindsNoMemoryAndGoesOn) {
  const ScopedVariable memory("FAKE_NRT_CORE_BYTES", std::to_string(200 << 20));
  FakeDevice device(1);
  const auto runtime = device.open();
  const xla::hlo::Shape shape{ElementType::bf16, {32 << 20}};
  auto first = runtime->tensor(0, shape, "layer.0.k");
  ASSERT_TRUE(first.ok()) << first.status().message();
  const auto second = runtime->tensor(0, shape, "layer.1.k");
  EXPECT_EQ(second.status().code(), StatusCode::resource_exhausted);
  EXPECT_THAT(second.status().message(),
              AllOf(HasSubstr("layer.1.k bf16[33554432] on core 0"), HasSubstr("NRT_RESOURCE (4)"),
                    HasSubstr("0.2 of 0.2 GB")));
  EXPECT_EQ(runtime->health().state, HealthState::ok);
  first->reset();
  EXPECT_TRUE(runtime->tensor(0, shape, "layer.1.k").ok());
  EXPECT_EQ(runtime->tensor(0, {ElementType::f32, {0, 4}}, "none").status().code(),
            StatusCode::invalid_argument);
}

TEST(NeuronRuntime, TakesTheCoresThatTheEnvironmentShows) {
  const ScopedVariable visible("NEURON_RT_VISIBLE_CORES", "2-3");
  FakeDevice device(12);
  auto options = device.options();
  options.ranks = 3;
  const auto too_many = NeuronRuntime::open(options);
  EXPECT_EQ(too_many.status().code(), StatusCode::resource_exhausted);
  EXPECT_THAT(too_many.status().message(), HasSubstr("NEURON_RT_VISIBLE_CORES"));
  const auto runtime = device.open();
  EXPECT_EQ(runtime->ranks(), 2);
  EXPECT_EQ(runtime->description(), "neuron, 2 cores, libnrt 2.34.10.0");
  EXPECT_TRUE(std::filesystem::exists(device.directory() / "device/core-3"));
  EXPECT_FALSE(std::filesystem::exists(device.directory() / "device/core-0"));
}

TEST(NeuronRuntime, LeavesCoresThatItDoesNotNeedToOthers) {
  FakeDevice device(4);
  auto options = device.options();
  options.ranks = 1;
  const auto runtime = device.open(options);
  EXPECT_EQ(runtime->ranks(), 1);
  EXPECT_FALSE(std::filesystem::exists(device.directory() / "device/core-1"));
  EXPECT_EQ(::getenv("NEURON_RT_NUM_CORES"), nullptr);
}

// Holds core 0 as another process would.
class OtherProcess {
 public:
  explicit OtherProcess(const FakeDevice& device) {
    std::filesystem::create_directories(device.directory() / "device");
    fd_ = ::open((device.directory() / "device/core-0").c_str(), O_RDWR | O_CREAT, 0644);
    EXPECT_EQ(::flock(fd_, LOCK_EX), 0);
  }
  OtherProcess(const OtherProcess&) = delete;
  OtherProcess& operator=(const OtherProcess&) = delete;
  ~OtherProcess() { ::close(fd_); }

 private:
  int fd_;
};

TEST(NeuronRuntime, SaysThatAnotherProcessHoldsTheCores) {
  FakeDevice device(2);
  const OtherProcess other(device);
  const auto runtime = NeuronRuntime::open(device.options());
  EXPECT_EQ(runtime.status().code(), StatusCode::unavailable);
  EXPECT_THAT(runtime.status().message(), HasSubstr("another process holds the cores"));
}

TEST(NeuronRuntime, WaitsForCoresOfAProcessThatHasJustEnded) {
  FakeDevice device(2);
  auto other = std::make_unique<OtherProcess>(device);
  auto options = device.options();
  options.claim_time = std::chrono::seconds(60);
  std::thread ending([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    other.reset();
  });
  EXPECT_TRUE(NeuronRuntime::open(options).ok());
  ending.join();
}

TEST(NeuronRuntime, OpensAgainAfterItWasClosed) {
  FakeDevice device(2);
  for (int round = 0; round < 2; ++round) {
    const auto runtime = device.open();
    const auto program = runtime->load(cache_step(2), ProgramKind::decode);
    CacheStep step(*runtime, **program);
    EXPECT_EQ(*step.step(0, 1.0F), all_of(2.0F));
  }
  EXPECT_THAT(device.log("COMPLAINT"), testing::IsEmpty());
}

TEST(NeuronRuntime, RefusesALibraryWhoseAllocationsWrapAround) {
  const ScopedVariable version("FAKE_NRT_VERSION", "2.29.40.0");
  FakeDevice device(2);
  const auto runtime = NeuronRuntime::open(device.options());
  EXPECT_EQ(runtime.status().code(), StatusCode::unsupported);
  EXPECT_THAT(runtime.status().message(), AllOf(HasSubstr("2.29.40.0"), HasSubstr("2.30.50")));
}

TEST(NeuronRuntime, CompilesOnceForAllItsRuns) {
  FakeDevice device(2);
  for (int run = 0; run < 2; ++run) {
    ASSERT_TRUE(device.open()->load(cache_step(2), ProgramKind::decode).ok());
  }
  std::ifstream calls(device.directory() / "calls");
  int compilations = 0;
  for (std::string line; std::getline(calls, line);) {
    if (line.starts_with("compile")) ++compilations;
  }
  EXPECT_EQ(compilations, 1);
}

TEST(NeuronRuntime, TellsWhyAProgramDoesNotCompile) {
  const ScopedVariable fail("FAKE_NEURONX_CC_FAIL", "killed");
  FakeDevice device(2);
  const auto runtime = device.open();
  const auto program = runtime->load(cache_step(2), ProgramKind::decode);
  EXPECT_EQ(program.status().code(), StatusCode::resource_exhausted);
  EXPECT_THAT(program.status().message(), HasSubstr("host memory"));
  EXPECT_EQ(runtime->health().state, HealthState::ok);
}

TEST(NeuronRuntime, KeepsOnlyHashesOfLargeModels) {
  const ScopedVariable store("FAKE_NRT_STORE", "hash");
  FakeDevice device(1);
  const ScopedVariable hashes("FAKE_NRT_HASHES", device.directory() / "hashes");
  {
    const auto runtime = device.open();
    const auto upload = runtime->upload(0, {ElementType::u8, {9}}, "check");
    const std::string digits = "123456789";
    const auto bytes = std::as_bytes(std::span(digits));
    ASSERT_TRUE((*upload)->write(4, bytes.subspan(4)).ok());
    ASSERT_TRUE((*upload)->write(0, bytes.first(4)).ok());
    ASSERT_TRUE((*upload)->finish().ok());
  }
  std::ifstream file(device.directory() / "hashes");
  std::string line;
  std::getline(file, line);
  // 0xCBF43926, the check value that CRC-32 is published with.
  EXPECT_EQ(line, "check 0 9 3421780262");
}

}  // namespace
}  // namespace ix::backend::neuron
