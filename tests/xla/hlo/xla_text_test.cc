// Our text against XLA's own, which its plugins write where XLA_FLAGS say so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "backend/xla/hlo/text.h"
#include "backend/xla/pjrt/pjrt_runtime.h"
#include "support/temp_dir.h"
#include "xla/hlo/every_operation.h"
#include "xla/pjrt/plugins.h"

namespace ix::backend::xla::hlo {
namespace {

// Set before any plugin is loaded: XLA reads the variable once.
class DumpDirectory : public ::testing::Environment {
 public:
  void SetUp() override {
    const std::string flags = "--xla_dump_hlo_as_text --xla_dump_to=" + path();
    ASSERT_EQ(setenv("XLA_FLAGS", flags.c_str(), 1), 0);
  }
  std::string path() const { return directory_.path(); }

 private:
  testing::TempDir directory_;
};

DumpDirectory* const kDump = static_cast<DumpDirectory*>(
    ::testing::AddGlobalTestEnvironment(new DumpDirectory));  // gtest owns it

std::string xla_text(const std::string& module) {
  for (const auto& entry : std::filesystem::directory_iterator(kDump->path())) {
    const std::string name = entry.path().filename().string();
    if (name.find("." + module + ".before_optimizations.txt") == std::string::npos) continue;
    std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  return "";
}

// XLA prints the instructions in an order of its own, and the replicas, which are no part of the
// module's bytes.
std::vector<std::string> sorted_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    const size_t replicas = line.find(", replica_count=2");
    lines.push_back(line.substr(0, replicas));
  }
  std::ranges::sort(lines);
  return lines;
}

class XlaText : public ::testing::TestWithParam<testing::CpuPlugin> {};

TEST_P(XlaText, IsOurText) {
  const Module module = testing::every_operation("every_" + GetParam().name);
  auto runtime = pjrt::PjrtRuntime::open({GetParam().path, module.replicas});
  ASSERT_TRUE(runtime.ok()) << runtime.status().message();
  const auto program = (*runtime)->load(module, ProgramKind::decode);
  ASSERT_TRUE(program.ok()) << program.status().message();
  const std::vector<std::string> expected = sorted_lines(xla_text(module.name));
  ASSERT_GT(expected.size(), 80U);
  EXPECT_EQ(sorted_lines(*module_text(module.bytes)), expected);
}

// From 0.115 on XLA writes elements of tuples in another way (%sort.12#0).
INSTANTIATE_TEST_SUITE_P(Cpu, XlaText,
                         ::testing::Values(testing::cpu_plugins()[0], testing::cpu_plugins()[1]),
                         testing::cpu_plugin_name);

}  // namespace
}  // namespace ix::backend::xla::hlo
