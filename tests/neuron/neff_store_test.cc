#include "backend/neuron/compiler/neff_store.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>

#include <fstream>
#include <mutex>
#include <thread>

#include "backend/xla/hlo/builder.h"
#include "neuron/test_directory.h"

namespace ix::backend::neuron {
namespace {

using testing::HasSubstr;
using xla::ProgramKind;
using xla::hlo::ElementType;
using xla::hlo::Module;

Module adds(const std::string& name, int64_t size = 4) {
  xla::hlo::Builder b(name, 1);
  const auto x = b.parameter("x", {ElementType::f32, {size}});
  b.output("y", b.add(x, 1.0));
  return std::move(b).finish().value();
}

class NeffStoreTest : public testing::Test {
 protected:
  std::unique_ptr<NeffStore> open(CompilerOptions options = {}) const {
    return NeffStore::open(directory_ / "cache", std::move(options)).value();
  }
  // Lines that the fake compiler wrote, one a call.
  std::vector<std::string> calls() const {
    std::ifstream file(directory_ / "calls");
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  int compilations() const {
    int count = 0;
    for (const std::string& line : calls()) count += line.starts_with("compile") ? 1 : 0;
    return count;
  }

  const TestDirectory directory_;
  const ScopedVariable compiler_{"IX_NEURONX_CC", IX_FAKE_NEURONX_CC};
  const ScopedVariable log_{"FAKE_NEURONX_CC_LOG", directory_ / "calls"};
};

TEST_F(NeffStoreTest, CompilesOnceAndThenAsksTheCacheAlone) {
  const Module module = adds("decode");
  const auto built = open()->get(module, ProgramKind::decode);
  ASSERT_TRUE(built.ok()) << built.status().message();
  EXPECT_TRUE(built->was_built);
  EXPECT_GT(built->bytes.size(), 1024U);
  const auto found = open()->get(module, ProgramKind::decode);
  ASSERT_TRUE(found.ok());
  EXPECT_FALSE(found->was_built);
  EXPECT_EQ(found->bytes, built->bytes);
  EXPECT_THAT(calls(), testing::ElementsAre("--version", "compile decode -O2", "--version"));
}

TEST_F(NeffStoreTest, PrefillIsCompiledWithLessEffortThanDecode) {
  ASSERT_TRUE(open()->get(adds("p"), ProgramKind::prefill).ok());
  ASSERT_TRUE(open()->get(adds("d"), ProgramKind::decode).ok());
  EXPECT_THAT(calls(), testing::IsSupersetOf({"compile p -O1", "compile d -O2"}));
}

TEST_F(NeffStoreTest, AnotherVersionOfTheCompilerCompilesAgain) {
  const Module module = adds("decode");
  ASSERT_TRUE(open()->get(module, ProgramKind::decode).ok());
  const ScopedVariable version("FAKE_NEURONX_CC_VERSION", "2.22.1.0+1234");
  const auto store = open();
  EXPECT_EQ(store->compiler_version().value(), "2.22.1.0+1234");
  EXPECT_TRUE(store->get(module, ProgramKind::decode)->was_built);
  EXPECT_EQ(compilations(), 2);
}

TEST_F(NeffStoreTest, WithoutACompilerTheCacheServes) {
  const Module module = adds("decode");
  ASSERT_TRUE(open()->get(module, ProgramKind::decode).ok());
  const ScopedVariable gone("IX_NEURONX_CC", "/nonexistent/neuronx-cc");
  EXPECT_FALSE(open()->get(module, ProgramKind::decode)->was_built);
  const auto other = open()->get(adds("other", 5), ProgramKind::decode);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.status().code(), StatusCode::not_found);
  EXPECT_THAT(other.status().message(), HasSubstr("other is not compiled yet"));
  ::setenv("IX_NEURONX_CC", IX_FAKE_NEURONX_CC, 1);
}

TEST_F(NeffStoreTest, TwoProcessesCompileOnce) {
  const ScopedVariable slow("FAKE_NEURONX_CC_SECONDS", "0.5");
  const ScopedVariable cache("IX_NEURON_CACHE", directory_ / "cache");
  pid_t children[2];
  for (pid_t& child : children) {
    const char* arguments[] = {IX_COMPILE_ONE, nullptr};
    ASSERT_EQ(posix_spawn(&child, IX_COMPILE_ONE, nullptr, nullptr,
                          const_cast<char* const*>(arguments), environ),
              0);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  EXPECT_EQ(compilations(), 1);
}

struct Failure {
  const char* kind;
  StatusCode code;
  const char* says;
};

class NeffStoreFailure : public NeffStoreTest, public testing::WithParamInterface<Failure> {};

TEST_P(NeffStoreFailure, IsToldWithItsLogAndCanBeTriedAgain) {
  const Module module = adds("decode");
  {
    const ScopedVariable fail("FAKE_NEURONX_CC_FAIL", GetParam().kind);
    const auto failed = open()->get(module, ProgramKind::decode);
    ASSERT_FALSE(failed.ok());
    EXPECT_EQ(failed.status().code(), GetParam().code);
    EXPECT_THAT(failed.status().message(), HasSubstr(GetParam().says));
  }
  EXPECT_FALSE(std::filesystem::is_empty(directory_ / "cache/failed"));
  EXPECT_TRUE(std::filesystem::is_empty(directory_ / "cache/building"));
  EXPECT_TRUE(open()->get(module, ProgramKind::decode).ok());
}

INSTANTIATE_TEST_SUITE_P(
    Every, NeffStoreFailure,
    testing::Values(Failure{"killed", StatusCode::resource_exhausted, "host memory"},
                    Failure{"sigkill", StatusCode::resource_exhausted, "signal 9"},
                    Failure{"crashed", StatusCode::unavailable, "crashed"},
                    Failure{"no-output", StatusCode::unavailable, "wrote no NEFF"},
                    Failure{"NCC_EVRF051", StatusCode::unsupported, "[NCC_EVRF051]"}));

TEST_F(NeffStoreTest, ACompilerThatHangsEndsAtTheTimeLimit) {
  const ScopedVariable hang("FAKE_NEURONX_CC_FAIL", "hang");
  CompilerOptions options;
  options.time_limit = std::chrono::seconds(1);
  const auto failed = open(options)->get(adds("decode"), ProgramKind::decode);
  EXPECT_EQ(failed.status().code(), StatusCode::deadline_exceeded);
}

TEST_F(NeffStoreTest, CancellationEndsTheCompilerAndLeavesNothing) {
  const ScopedVariable hang("FAKE_NEURONX_CC_FAIL", "hang");
  CompilerOptions options;
  options.cancelled = [&] { return compilations() > 0; };
  const auto cancelled = open(options)->get(adds("decode"), ProgramKind::decode);
  EXPECT_EQ(cancelled.status().code(), StatusCode::cancelled);
  EXPECT_TRUE(std::filesystem::is_empty(directory_ / "cache/building"));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "cache/failed"));
}

TEST_F(NeffStoreTest, OnlySoManyCompilationsRunAtOnce) {
  const ScopedVariable slow("FAKE_NEURONX_CC_SECONDS", "0.3");
  std::mutex mutex;
  int running = 0;
  int most = 0;
  int waited = 0;
  CompilerOptions options;
  options.max_parallel = 2;
  options.progress = [&](const CompileProgress& progress) {
    const std::lock_guard lock(mutex);
    if (progress.stage == CompileProgress::Stage::waiting) ++waited;
    if (progress.stage == CompileProgress::Stage::done) --running;
    if (progress.stage == CompileProgress::Stage::compiling && progress.elapsed.count() == 0) {
      most = std::max(most, ++running);
    }
  };
  const auto store = open(options);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      EXPECT_TRUE(store->get(adds(fmt::format("p{}", i)), ProgramKind::prefill).ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(most, 2);
  EXPECT_EQ(waited, 2);
}

TEST_F(NeffStoreTest, ExtraFlagsReachTheCompilerAndTheKey) {
  const Module module = adds("decode");
  ASSERT_TRUE(open()->get(module, ProgramKind::decode).ok());
  CompilerOptions options;
  options.extra_flags = {"--lnc", "1"};
  EXPECT_TRUE(open(options)->get(module, ProgramKind::decode)->was_built);
  options.extra_flags = {"--no-such-option"};
  const auto refused = open(options)->get(module, ProgramKind::decode);
  EXPECT_EQ(refused.status().code(), StatusCode::unsupported);
  EXPECT_THAT(refused.status().message(), HasSubstr("NCC_EARG002"));
}

}  // namespace
}  // namespace ix::backend::neuron
