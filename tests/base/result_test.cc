#include "base/result.h"

#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <string>

#include "base/checked_math.h"

namespace ix {
namespace {

Result<int> half_of(int value) {
  if (value % 2 != 0) return invalid_argument("odd");
  return value / 2;
}

Result<int> quarter_of(int value) {
  IX_ASSIGN_OR_RETURN(const int half, half_of(value));
  IX_ASSIGN_OR_RETURN(const int quarter, half_of(half));
  return quarter;
}

TEST(Result, CarriesAValueOrAStatus) {
  EXPECT_EQ(quarter_of(12).value(), 3);
  const Result<int> failed = quarter_of(6);
  EXPECT_FALSE(failed.ok());
  EXPECT_EQ(failed.status().code(), StatusCode::invalid_argument);
  EXPECT_EQ(failed.status().message(), "odd");
}

TEST(Result, HoldsMoveOnlyValues) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  const std::unique_ptr<int> value = *std::move(result);
  EXPECT_EQ(*value, 7);
}

TEST(Status, ContextStandsBeforeTheMessage) {
  EXPECT_EQ(corrupt("bad magic").with_context("model.gguf").message(), "model.gguf: bad magic");
  EXPECT_TRUE(ok_status().with_context("x").message().empty());
}

TEST(CheckedMath, SaysWhenAResultWouldWrap) {
  constexpr auto kMax = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(checked_mul<int64_t>(3, 5), 15);
  EXPECT_FALSE(checked_mul<int64_t>(kMax, 2).has_value());
  EXPECT_FALSE(checked_add<int64_t>(kMax, 1).has_value());
  EXPECT_EQ(round_up<int64_t>(17, 16), 32);
  EXPECT_EQ(ceil_div<int64_t>(0, 16), 0);
}

}  // namespace
}  // namespace ix
