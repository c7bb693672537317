#include "doctor/examination.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace ix::cli::doctor {
namespace {

using testing::ElementsAre;

Step step(const std::string& id, std::vector<std::string> needs,
          std::function<StepResult(DeviceUnderTest&)> run) {
  Step made;
  made.id = id;
  made.title = "step " + id;
  made.expected = "nothing";
  made.advice = "none";
  made.limit = std::chrono::seconds(60);
  made.needs = std::move(needs);
  made.run = std::move(run);
  return made;
}

StepResult pass(DeviceUnderTest&) { return StepResult::passed("good"); }
StepResult fail(DeviceUnderTest&) { return StepResult::failed("bad"); }

Examination examined(const std::vector<Step>& steps, DoctorOptions options = {}) {
  return examine(
      std::make_shared<DeviceUnderTest>(std::move(options)), steps, [](const Step&) {},
      [](const StepReport&) {});
}

std::vector<StepState> states(const Examination& examination) {
  std::vector<StepState> out;
  for (const StepReport& report : examination.steps) out.push_back(report.result.state);
  return out;
}

TEST(Examination, LeavesOutWhatNeedsAFailedStep) {
  const std::vector<Step> steps = {step("a", {}, fail), step("b", {"a"}, pass),
                                   step("c", {"b"}, pass), step("d", {}, pass)};
  const Examination done = examined(steps);
  EXPECT_THAT(states(done), ElementsAre(StepState::failed, StepState::skipped, StepState::skipped,
                                        StepState::ok));
  EXPECT_EQ(done.steps[1].result.got, "\"step a\" failed");
  EXPECT_EQ(done.steps[2].result.got, "\"step b\" was skipped");
  EXPECT_FALSE(done.passed());
  EXPECT_FALSE(done.left_behind);
}

TEST(Examination, PassesWhereEveryStepDoes) {
  const std::vector<Step> steps = {step("a", {}, pass), step("b", {"a"}, pass)};
  EXPECT_TRUE(examined(steps).passed());
}

TEST(Examination, CountsAnExceptionAsAFailure) {
  const std::vector<Step> steps = {
      step("a", {}, [](DeviceUnderTest&) -> StepResult { throw std::runtime_error("oops"); }),
      step("b", {}, pass)};
  const Examination done = examined(steps);
  EXPECT_THAT(states(done), ElementsAre(StepState::failed, StepState::ok));
  EXPECT_EQ(done.steps[0].result.got, "oops");
}

TEST(Examination, EndsWhereTheUserInterruptsIt) {
  std::atomic<bool> interrupted = false;
  DoctorOptions options;
  options.cancelled = [&] { return interrupted.load(); };
  const std::vector<Step> steps = {step("a", {},
                                        [&](DeviceUnderTest& device) {
                                          interrupted = true;
                                          EXPECT_TRUE(device.give_up());
                                          return StepResult::failed("cancelled");
                                        }),
                                   step("b", {}, pass)};
  const Examination done = examined(steps, options);
  EXPECT_THAT(states(done), ElementsAre(StepState::failed, StepState::skipped));
  EXPECT_EQ(done.steps[1].result.got, "interrupted");
  EXPECT_TRUE(done.interrupted);
}

// The step that does not return holds nothing that goes with the test.
TEST(Examination, LeavesAStepBehindThatDoesNotComeBack) {
  auto steps = std::vector<Step>{step("a", {},
                                      [](DeviceUnderTest&) {
                                        std::this_thread::sleep_for(std::chrono::hours(1));
                                        return StepResult::passed("late");
                                      }),
                                 step("b", {}, pass)};
  steps[0].limit = std::chrono::seconds(0);
  const Examination done = examined(steps);
  EXPECT_THAT(states(done), ElementsAre(StepState::failed, StepState::skipped));
  EXPECT_EQ(done.steps[0].result.got, "did not end within 0 s");
  EXPECT_EQ(done.steps[1].result.got, "\"step a\" did not come back: the device counts as dead");
  EXPECT_TRUE(done.left_behind);
}

}  // namespace
}  // namespace ix::cli::doctor
