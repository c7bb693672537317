#include "doctor/case_programs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <numeric>

namespace ix::cli::doctor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

CaseIndices first(size_t count) {
  CaseIndices all(count);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

Status refusal() { return unsupported("no such operation"); }

TEST(SplitCases, AsksOnceWhereAllAreTaken) {
  int asked = 0;
  const SplitCases split = split_cases(first(60), [&](const CaseIndices&) {
    ++asked;
    return ok_status();
  });
  EXPECT_EQ(asked, 1);
  EXPECT_THAT(split.accepted, ElementsAre(first(60)));
  EXPECT_THAT(split.refused, IsEmpty());
}

TEST(SplitCases, FindsTheOnesThatAreRefused) {
  const SplitCases split = split_cases(first(60), [](const CaseIndices& part) {
    const bool bad = std::ranges::any_of(part, [](size_t i) { return i == 17 || i == 59; });
    return bad ? refusal() : ok_status();
  });
  ASSERT_EQ(split.refused.size(), 2U);
  EXPECT_EQ(split.refused[0].index, 17U);
  EXPECT_EQ(split.refused[1].index, 59U);
  EXPECT_EQ(split.refused[0].why, "no such operation");
  size_t taken = 0;
  for (const CaseIndices& part : split.accepted) taken += part.size();
  EXPECT_EQ(taken, 58U);
  EXPECT_THAT(split.untried, IsEmpty());
}

TEST(SplitCases, GivesUpAfterEightRefusals) {
  const SplitCases split = split_cases(first(60), [](const CaseIndices&) { return refusal(); });
  EXPECT_EQ(split.refused.size(), 8U);
  EXPECT_EQ(split.untried.size(), 52U);
  EXPECT_FALSE(split.stopped.ok());
}

TEST(SplitCases, DoesNotLookForAnOperationWhereNoneIsToBlame) {
  for (const StatusCode code : {StatusCode::not_found, StatusCode::cancelled,
                                StatusCode::resource_exhausted, StatusCode::deadline_exceeded}) {
    int asked = 0;
    const SplitCases split = split_cases(first(60), [&](const CaseIndices&) {
      ++asked;
      return Status(code, "why");
    });
    EXPECT_EQ(asked, 1);
    EXPECT_EQ(split.untried.size(), 60U);
    EXPECT_EQ(split.stopped.code(), code);
  }
}

TEST(FirstMismatch, TellsWhereANumberIsOff) {
  const std::vector<double> expected = {1, 1000, -2};
  EXPECT_FALSE(first_mismatch(expected, expected, kExact));
  EXPECT_FALSE(first_mismatch(expected, std::vector<double>{1.25, 1250, -2.5}, {0.25}));
  const auto off = first_mismatch(expected, std::vector<double>{1, 1000, -2.5}, {0.125});
  ASSERT_TRUE(off);
  EXPECT_EQ(off->element, 2U);
  EXPECT_EQ(off->expected, -2);
  EXPECT_EQ(off->got, -2.5);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(first_mismatch(expected, std::vector<double>{nan, 1000, -2}, {1})->element, 0U);
}

TEST(WrongCases, NameTheCaseAndTheCore) {
  const auto cases = cases_of(Family::elementwise);
  const auto place = std::ranges::find_if(cases, [](const OperationCase& each) {
    return name_of(each.signature) == "add(f32,f32)->f32";
  });
  ASSERT_NE(place, cases.end());
  const auto index = static_cast<size_t>(place - cases.begin());
  std::vector<HostArrays> results;
  for (int rank = 0; rank < 2; ++rank) {
    HostArray sums;
    sums.shape = {ElementType::f32, kExtents};
    sums.values = place->expect(CaseInputs(rank, 2));
    results.emplace_back(1, sums);
  }
  EXPECT_THAT(wrong_cases(cases, std::vector<size_t>{index}, results), IsEmpty());
  results[1][0].values[5] += 1;
  const auto wrong = wrong_cases(cases, std::vector<size_t>{index}, results);
  ASSERT_EQ(wrong.size(), 1U);
  EXPECT_EQ(wrong[0].index, index);
  EXPECT_THAT(wrong[0].got, testing::HasSubstr("at element 5 of core 1"));
}

}  // namespace
}  // namespace ix::cli::doctor
