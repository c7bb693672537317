// The fake compiler: what it refuses and how, and what it takes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "backend/neuron/compiler/neff_cache.h"
#include "backend/neuron/compiler/process.h"
#include "backend/xla/hlo/builder.h"
#include "fake_neuron/refused_modules.h"
#include "neuron/test_directory.h"

namespace ix::fake_neuron {

// For GoogleTest's messages.
static void PrintTo(const RefusedModule& module, std::ostream* out) { *out << module.name; }

namespace {

using backend::neuron::ProcessEnd;
using backend::xla::hlo::ElementType;
using testing::HasSubstr;

struct Compiled {
  ProcessEnd end;
  std::string output;
  std::string log;
  std::string neff;
};

std::string content_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

Compiled compile(const std::string& hlo, const std::vector<std::string>& options = {}) {
  const TestDirectory directory;
  std::ofstream(directory / "module.pb", std::ios::binary) << hlo;
  std::vector<std::string> arguments{
      IX_FAKE_NEURONX_CC, "compile",  "module.pb", "--framework", "XLA", "--target", "inf2",
      "--output",         "out.neff", "--logfile", "log"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  const auto end = backend::neuron::run_process(
      {arguments, directory.path().string(), directory / "output"}, {});
  return {end.value(), content_of(directory / "output"), content_of(directory / "log"),
          content_of(directory / "out.neff")};
}

class FakeCompilerRefuses : public testing::TestWithParam<RefusedModule> {};

TEST_P(FakeCompilerRefuses, WithTheCodeOfTheRule) {
  const Compiled compiled = compile(GetParam().hlo);
  EXPECT_EQ(compiled.end.code, 70);
  EXPECT_THAT(compiled.log + compiled.output, HasSubstr("[" + GetParam().code + "]"));
  EXPECT_TRUE(compiled.neff.empty());
}

INSTANTIATE_TEST_SUITE_P(Corpus, FakeCompilerRefuses, testing::ValuesIn(refused_modules()),
                         [](const auto& module) { return module.param.name; });

TEST(RefusedModules, HoldThreeOfEveryCode) {
  std::map<std::string, int> count;
  for (const RefusedModule& module : refused_modules()) ++count[module.code];
  for (const auto& [code, modules] : count) EXPECT_GE(modules, 3) << code;
  // Every code of refused.json that stands for an error.
  EXPECT_EQ(count.size(), 22U);
}

std::string good_module() {
  backend::xla::hlo::Builder b("good", 2);
  const auto x = b.parameter("x", {ElementType::bf16, {2, 4}});
  const auto w = b.parameter("w", {ElementType::bf16, {4, 3}});
  b.output("y", b.all_reduce(backend::xla::hlo::Reduction::add, b.matmul(x, w, ElementType::f32)));
  return std::move(b).finish().value().bytes;
}

uint64_t u64_at(const std::string& bytes, size_t offset) {
  uint64_t value = 0;
  bytes.copy(reinterpret_cast<char*>(&value), sizeof(value), offset);
  return value;
}

TEST(FakeCompiler, WritesAFileWithNeffsHeader) {
  const Compiled compiled = compile(good_module(), {"--enable-fast-loading-neuron-binaries"});
  ASSERT_EQ(compiled.end.code, 0) << compiled.output;
  ASSERT_GT(compiled.neff.size(), 1024U);
  EXPECT_EQ(u64_at(compiled.neff, 0), 1U);
  EXPECT_EQ(u64_at(compiled.neff, 8), 1024U);
  EXPECT_EQ(u64_at(compiled.neff, 16), compiled.neff.size() - 1024);
  EXPECT_EQ(compiled.neff.substr(220, 5), std::string("good\0", 5));
  // A tar: its first header's magic.
  EXPECT_EQ(compiled.neff.substr(1024 + 257, 5), "ustar");
}

TEST(FakeCompiler, CompressesWithoutTheFastLoadingOption) {
  const Compiled compiled = compile(good_module());
  ASSERT_EQ(compiled.end.code, 0) << compiled.output;
  EXPECT_EQ(compiled.neff.substr(1024, 2), "\x1f\x8b");
}

TEST(FakeCompiler, WarnsOfDotsOfNarrowIntegers) {
  backend::xla::hlo::Builder b("int8", 1);
  const auto x = b.parameter("x", {ElementType::s8, {2, 4}});
  const auto w = b.parameter("w", {ElementType::s8, {4, 3}});
  b.output("y", b.matmul(x, w, ElementType::s32));
  const Compiled compiled = compile(std::move(b).finish().value().bytes);
  EXPECT_EQ(compiled.end.code, 0) << compiled.output;
  EXPECT_THAT(compiled.log, HasSubstr("WARNING: [NCC_EVRF035]"));
}

TEST(FakeCompiler, TakesSortsAndTopKsAtTheLimit) {
  backend::xla::hlo::Builder b("limit", 1);
  const auto x = b.parameter("x", {ElementType::f32, {2, 16384}});
  b.output("y", b.sort({x}, 1, backend::xla::hlo::SortOrder::descending)[0]);
  EXPECT_EQ(compile(std::move(b).finish().value().bytes).end.code, 0);
}

TEST(FakeCompiler, FailsOnDemandForAnOpcode) {
  const ScopedVariable fail("FAKE_NEURONX_CC_FAIL", "NCC_EVRF001");
  const ScopedVariable opcode("FAKE_NEURONX_CC_FAIL_OPCODE", "cosine");
  for (const bool with_cosine : {false, true}) {
    backend::xla::hlo::Builder b("wave", 1);
    const auto x = b.parameter("x", {ElementType::f32, {2}});
    b.output("y", with_cosine ? b.cosine(x) : b.sine(x));
    const Compiled compiled = compile(std::move(b).finish().value().bytes);
    EXPECT_EQ(compiled.end.code, with_cosine ? 70 : 0) << compiled.output;
  }
}

TEST(FakeCompiler, RefusesOptionsThatItDoesNotKnow) {
  const Compiled compiled = compile(good_module(), {"--cache_dir", "/tmp"});
  EXPECT_EQ(compiled.end.code, 70);
  EXPECT_THAT(compiled.output, HasSubstr("[NCC_EARG002]"));
}

TEST(FakeCompiler, RefusesBytesThatAreNoModule) {
  for (const std::string& bytes : {std::string("\x0a\xff\xff", 3), std::string("text")}) {
    EXPECT_EQ(compile(bytes).end.code, 70);
  }
  EXPECT_EQ(compile(good_module().substr(0, 300)).end.code, 70);
}

}  // namespace
}  // namespace ix::fake_neuron
