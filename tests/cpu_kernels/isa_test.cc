#include "backend/cpu/kernels/isa.h"

#include <gtest/gtest.h>

#include <algorithm>
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

#if defined(__aarch64__)
// isa.cc asks the kernel's hwcaps; Linux also lets programs read the ID registers: the fields DP
// and I8MM, four bits each.
TEST(Isa, SetsOfArmAreThoseOfTheIdRegisters) {
  uint64_t isar0 = 0;
  uint64_t isar1 = 0;
  asm("mrs %0, ID_AA64ISAR0_EL1" : "=r"(isar0));
  asm("mrs %0, ID_AA64ISAR1_EL1" : "=r"(isar1));
  const bool dotprod = ((isar0 >> 44) & 15) != 0;
  const bool i8mm = ((isar1 >> 52) & 15) != 0;
  const std::span<const Isa> isas = available_isas();
  EXPECT_EQ(std::ranges::count(isas, Isa::neon_dotprod), dotprod ? 1 : 0);
  EXPECT_EQ(std::ranges::count(isas, Isa::neon_i8mm), i8mm ? 1 : 0);
}
#endif

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
