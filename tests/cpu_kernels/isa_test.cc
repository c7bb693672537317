#include "backend/cpu/kernels/isa.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace ix::backend::cpu {
namespace {

class ForcedIsa : public testing::Test {
 protected:
  void TearDown() override { unsetenv("IX_CPU_ISA"); }
};

TEST(Isa, GenericIsAlwaysThereAndLast) { EXPECT_EQ(available_isas().back(), Isa::generic); }

TEST(Isa, NamesOfWhatRunsHereCanBeParsed) {
  for (Isa isa : available_isas()) {
    const Result<Isa> parsed = parse_isa(to_string(isa));
    ASSERT_TRUE(parsed.ok()) << parsed.status().message();
    EXPECT_EQ(*parsed, isa);
  }
}

TEST(Isa, AnUnknownNameIsAnErrorThatListsWhatRuns) {
  const Result<Isa> parsed = parse_isa("avx3");
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.status().code(), StatusCode::invalid_argument);
  EXPECT_NE(parsed.status().message().find("'avx3'"), std::string::npos);
  EXPECT_NE(parsed.status().message().find("generic"), std::string::npos);
}

TEST_F(ForcedIsa, TheEnvironmentForcesASet) {
  setenv("IX_CPU_ISA", "generic", 1);
  EXPECT_EQ(*choose_isa(), Isa::generic);
}

TEST_F(ForcedIsa, AWrongNameInTheEnvironmentIsAnErrorThatNamesTheVariable) {
  setenv("IX_CPU_ISA", "sse9", 1);
  const Result<Isa> isa = choose_isa();
  ASSERT_FALSE(isa.ok());
  EXPECT_NE(isa.status().message().find("IX_CPU_ISA"), std::string::npos);
}

TEST_F(ForcedIsa, AnOptionGoesBeforeTheEnvironment) {
  setenv("IX_CPU_ISA", "sse9", 1);
  EXPECT_EQ(*choose_isa("generic"), Isa::generic);
}

TEST_F(ForcedIsa, NothingSaidIsTheBest) {
  unsetenv("IX_CPU_ISA");
  EXPECT_EQ(*choose_isa(), available_isas().front());
}

}  // namespace
}  // namespace ix::backend::cpu
