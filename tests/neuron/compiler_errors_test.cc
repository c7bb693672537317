#include "backend/neuron/compiler/compiler_errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <string>

namespace ix::backend::neuron {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr ProcessEnd kFailed{ProcessEnd::Kind::exited, 70};

struct Case {
  const char* name;
  const char* log;
  StatusCode code;
  const char* says;
};

class CompilerError : public testing::TestWithParam<Case> {};

TEST_P(CompilerError, IsExplained) {
  const Case& c = GetParam();
  const Status status = compiler_failure("decode_b8", kFailed, c.log);
  EXPECT_EQ(status.code(), c.code);
  EXPECT_THAT(status.message(), HasSubstr(c.says));
  EXPECT_THAT(status.message(), HasSubstr("decode_b8: neuronx-cc ended with exit status 70"));
  EXPECT_THAT(status.message(), HasSubstr(c.log));
}

INSTANTIATE_TEST_SUITE_P(
    Every, CompilerError,
    testing::Values(
        Case{"F137", "[F137] killed", StatusCode::resource_exhausted, "host memory"},
        Case{"F134", "[F134] aborted", StatusCode::unavailable, "crashed"},
        Case{"EARG002", "[NCC_EARG002] what?", StatusCode::unsupported, "update neuronx-cc"},
        Case{"EOOM001", "[NCC_EOOM001] x", StatusCode::resource_exhausted, "16 GB of a core"},
        Case{"EOOM002", "[NCC_EOOM002] x", StatusCode::resource_exhausted, "16 GB of a core"},
        Case{"XCG815", "[XCG815] x", StatusCode::resource_exhausted, "16 GB of a core"},
        Case{"EBVF030", "[NCC_EBVF030] x", StatusCode::resource_exhausted, "too large"},
        Case{"EVRF007", "[NCC_EVRF007] x", StatusCode::resource_exhausted, "too large"},
        Case{"EXTP004", "[NCC_EXTP004] x", StatusCode::resource_exhausted, "too large"},
        Case{"EMOD025", "[NCC_EMOD025] x", StatusCode::unsupported, "does not take"},
        Case{"EVRF022", "[NCC_EVRF022] x", StatusCode::unsupported, "does not take"},
        Case{"None", "Segmentation fault", StatusCode::unavailable, "exit status 70. Its last"}),
    [](const auto& c) { return std::string(c.param.name); });

TEST(CompilerError, OfAKilledCompilerIsLackOfHostMemory) {
  const Status status = compiler_failure("p", {ProcessEnd::Kind::signalled, SIGKILL}, "");
  EXPECT_EQ(status.code(), StatusCode::resource_exhausted);
  EXPECT_THAT(status.message(), HasSubstr("signal 9"));
  EXPECT_THAT(status.message(), HasSubstr("copy its cache here (IX_NEURON_CACHE)"));
}

TEST(CompilerError, ShowsTheLastTwentyLines) {
  std::string log;
  for (int line = 1; line <= 30; ++line) log += "line-" + std::to_string(line) + "-\n";
  const Status status = compiler_failure("p", kFailed, log);
  EXPECT_THAT(status.message(), Not(HasSubstr("line-10-")));
  EXPECT_THAT(status.message(), HasSubstr("\n  line-11-\n"));
  EXPECT_THAT(status.message(), testing::EndsWith("\n  line-30-"));
}

TEST(CompilerError, TellsATimeLimitFromACancellation) {
  EXPECT_EQ(compiler_failure("p", {ProcessEnd::Kind::timed_out, 0}, "").code(),
            StatusCode::deadline_exceeded);
  EXPECT_EQ(compiler_failure("p", {ProcessEnd::Kind::cancelled, 0}, "").code(),
            StatusCode::cancelled);
}

}  // namespace
}  // namespace ix::backend::neuron
