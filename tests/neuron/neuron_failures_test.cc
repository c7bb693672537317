// Every status of libnrt, at load and in an execution: ends or recovers as its row of the status
// table says, within five seconds, without a wrong result.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/neuron/neuron_runtime.h"
#include "neuron/cache_step.h"
#include "neuron/every_failure.h"
#include "neuron/fake_device.h"

namespace ix::backend::neuron {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using xla::ProgramKind;
using xla::hlo::ElementType;
using Floats = std::vector<float>;

Floats all_of(float value) { return Floats(kStepWidth, value); }

void expect_all_calls_give(NeuronRuntime& runtime, CacheStep* step, const Status& death) {
  EXPECT_EQ(runtime.health().state, HealthState::dead);
  EXPECT_EQ(runtime.health().status.message(), death.message());
  EXPECT_EQ(runtime.load(cache_step(runtime.ranks()), ProgramKind::decode).status().message(),
            death.message());
  EXPECT_EQ(runtime.tensor(0, {ElementType::f32, {1}}, "t").status().message(), death.message());
  EXPECT_EQ(runtime.upload(0, {ElementType::f32, {1}}, "t").status().message(), death.message());
  if (step == nullptr) return;
  EXPECT_EQ(step->set_cache(0).message(), death.message());
  EXPECT_EQ(step->result(0).status().message(), death.message());
  EXPECT_EQ(step->submit(0, 1).status().message(), death.message());
}

class EveryStatus : public testing::TestWithParam<nrt::StatusInfo> {
 protected:
  const nrt::StatusInfo& info() const { return GetParam(); }
  bool passes_by_itself() const { return info().retry == nrt::Retry::soon; }
};
INSTANTIATE_TEST_SUITE_P(Statuses, EveryStatus, testing::ValuesIn(every_failure()), failure_name);

TEST_P(EveryStatus, InAnExecutionOnOneCore) {
  FakeDevice device(1);
  device.script(fmt::format("nrt_execute 2 {}", info().value));
  {
    const auto runtime = device.open();
    const auto program = runtime->load(cache_step(1), ProgramKind::decode);
    CacheStep step(*runtime, **program);
    ASSERT_EQ(*step.step(0, 1.0F), all_of(1.0F));
    const auto second = step.step(1, 2.0F);
    if (passes_by_itself()) {
      ASSERT_TRUE(second.ok()) << second.status().message();
      EXPECT_EQ(*second, all_of(3.0F));
    } else {
      ASSERT_FALSE(second.ok());
      EXPECT_EQ(second.status().code(), info().code);
      EXPECT_THAT(second.status().message(),
                  StartsWith("nrt_execute of step on core 0: " + std::string(info().name)));
    }
    if (info().sticky) {
      expect_all_calls_give(*runtime, &step, second.status());
    } else {
      // The failed step may have left anything in its outputs; with the cache made anew it works.
      EXPECT_EQ(runtime->health().state, HealthState::ok);
      ASSERT_TRUE(step.set_cache(0).ok());
      EXPECT_EQ(*step.step(0, 5.0F), all_of(5.0F));
    }
  }
  EXPECT_THAT(device.log("COMPLAINT"), testing::IsEmpty());
  EXPECT_THAT(device.log("INJECTED"), testing::SizeIs(1));
  EXPECT_THAT(device.log("nrt_close"), testing::SizeIs(1));
}

// The other core waits in the collective for the one that failed.
TEST_P(EveryStatus, InAnExecutionOnOneOfTwoCores) {
  FakeDevice device(2);
  device.script(fmt::format("nrt_execute@1 2 {}", info().value));
  const auto runtime = device.open();
  const auto program = runtime->load(cache_step(2), ProgramKind::decode);
  CacheStep step(*runtime, **program);
  ASSERT_EQ(*step.step(0, 1.0F), all_of(2.0F));
  const auto second = step.step(1, 2.0F);
  if (passes_by_itself()) {
    ASSERT_TRUE(second.ok()) << second.status().message();
    EXPECT_EQ(*second, all_of(6.0F));
    EXPECT_EQ(runtime->health().state, HealthState::ok);
    return;
  }
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), info().code);
  EXPECT_THAT(second.status().message(), StartsWith("nrt_execute of step on core 1: "));
  expect_all_calls_give(*runtime, &step, second.status());
}

TEST_P(EveryStatus, AtLoadOnOneCore) {
  FakeDevice device(1);
  device.script(fmt::format("nrt_load 1 {}", info().value));
  {
    const auto runtime = device.open();
    const auto program = runtime->load(cache_step(1), ProgramKind::decode);
    if (!passes_by_itself()) {
      ASSERT_FALSE(program.ok());
      EXPECT_EQ(program.status().code(), info().code);
      EXPECT_THAT(program.status().message(), StartsWith("nrt_load of step: "));
    }
    if (info().sticky) {
      expect_all_calls_give(*runtime, nullptr, program.status());
    } else {
      const auto again = runtime->load(cache_step(1), ProgramKind::decode);
      ASSERT_TRUE(again.ok()) << again.status().message();
      CacheStep step(*runtime, **again);
      EXPECT_EQ(*step.step(0, 1.0F), all_of(1.0F));
    }
  }
  EXPECT_THAT(device.log("COMPLAINT"), testing::IsEmpty());
}

TEST_P(EveryStatus, AtLoadOnOneOfTwoCores) {
  FakeDevice device(2);
  device.script(fmt::format("nrt_load_collectives@1 1 {}", info().value));
  const auto runtime = device.open();
  const auto program = runtime->load(cache_step(2), ProgramKind::decode);
  if (passes_by_itself()) {
    ASSERT_TRUE(program.ok()) << program.status().message();
    CacheStep step(*runtime, **program);
    EXPECT_EQ(*step.step(0, 1.0F), all_of(2.0F));
    return;
  }
  ASSERT_FALSE(program.ok());
  EXPECT_EQ(program.status().code(), info().code);
  EXPECT_THAT(program.status().message(), StartsWith("nrt_load_collectives of step on core 1: "));
  EXPECT_EQ(runtime->health().state, HealthState::dead);
}

// Where every core fails, none waits for another.
TEST_P(EveryStatus, AtLoadOnAllCores) {
  FakeDevice device(2);
  device.script(
      fmt::format("nrt_load_collectives@0 1 {0}\nnrt_load_collectives@1 1 {0}", info().value));
  {
    const auto runtime = device.open();
    const auto program = runtime->load(cache_step(2), ProgramKind::decode);
    EXPECT_EQ(program.ok(), passes_by_itself());
    EXPECT_EQ(runtime->health().state, info().sticky ? HealthState::dead : HealthState::ok);
    if (!info().sticky) {
      const auto again = runtime->load(cache_step(2), ProgramKind::decode);
      ASSERT_TRUE(again.ok()) << again.status().message();
      CacheStep step(*runtime, **again);
      EXPECT_EQ(*step.step(0, 1.0F), all_of(2.0F));
    }
  }
  EXPECT_THAT(device.log("COMPLAINT"), testing::IsEmpty());
}

// Calls beside load and execute, each with a failure that a retry does not help and that is not
// sticky, and with one that is.
struct Place {
  const char* function;
  bool while_opening = false;
};
class EveryCall : public testing::TestWithParam<std::tuple<Place, int>> {};
INSTANTIATE_TEST_SUITE_P(
    Calls, EveryCall,
    testing::Combine(testing::Values(Place{"nrt_get_version", true},
                                     Place{"nrt_get_visible_nc_count", true},
                                     Place{"nrt_init", true}, Place{"nrt_get_model_tensor_info"},
                                     Place{"nrt_tensor_allocate"}, Place{"nrt_tensor_memset"},
                                     Place{"nrt_tensor_write"}, Place{"nrt_tensor_read"},
                                     Place{"nrt_allocate_tensor_set"},
                                     Place{"nrt_add_tensor_to_tensor_set"}),
                     testing::Values(4, 6)),
    [](const auto& row) {
      return fmt::format("{}_{}", std::get<0>(row.param).function, std::get<1>(row.param));
    });

TEST_P(EveryCall, ThatFailsIsToldAndLeavesNothingBehind) {
  const auto& [place, value] = GetParam();
  FakeDevice device(2);
  device.script(fmt::format("{} 1 {}", place.function, value));
  Status failure;
  {
    const auto opened = NeuronRuntime::open(device.options());
    EXPECT_EQ(opened.ok(), !place.while_opening);
    if (!opened.ok()) {
      failure = opened.status();
    } else {
      const auto run = [&]() -> Status {
        NeuronRuntime& runtime = **opened;
        IX_ASSIGN_OR_RETURN(const auto program, runtime.load(cache_step(2), ProgramKind::decode));
        std::vector<std::unique_ptr<xla::DeviceTensor>> tensors;
        std::vector<xla::RankBinding> bindings(2);
        for (int rank = 0; rank < 2; ++rank) {
          for (const auto& parameter : program->module().parameters) {
            IX_ASSIGN_OR_RETURN(auto tensor, runtime.tensor(rank, parameter.shape, parameter.name));
            std::vector<std::byte> bytes(xla::hlo::byte_size(parameter.shape));
            IX_RETURN_IF_ERROR(runtime.write(*tensor, bytes));
            IX_RETURN_IF_ERROR(runtime.read(*tensor, bytes));
            bindings[rank].inputs.push_back(tensor.get());
            tensors.push_back(std::move(tensor));
          }
          IX_ASSIGN_OR_RETURN(auto y, runtime.tensor(rank, {ElementType::f32, {kStepWidth}}, "y"));
          bindings[rank].outputs = {bindings[rank].inputs[2], y.get()};
          tensors.push_back(std::move(y));
        }
        return run_within_limit(runtime, runtime.execute(*program, bindings));
      };
      failure = run();
      EXPECT_EQ((*opened)->health().state, value == 6 ? HealthState::dead : HealthState::ok);
    }
  }
  ASSERT_FALSE(failure.ok());
  EXPECT_THAT(failure.message(), HasSubstr(place.function));
  EXPECT_THAT(failure.message(), HasSubstr(nrt::status_name(value)));
  EXPECT_THAT(device.log("COMPLAINT"), testing::IsEmpty());
}

TEST(NeuronFailure, OfAnEarlierStepFailsThoseBehindIt) {
  FakeDevice device(1);
  device.script("nrt_execute 1 1006");
  const auto runtime = device.open();
  const auto program = runtime->load(cache_step(1), ProgramKind::decode);
  CacheStep step(*runtime, **program);
  const Ticket first = *step.submit(0, 1);
  const Ticket second = *step.submit(1, 1);
  EXPECT_THAT(runtime->wait(first, kNoDeadline).message(), HasSubstr("NRT_EXEC_OOB"));
  const Status behind = runtime->wait(second, kNoDeadline);
  EXPECT_EQ(behind.code(), StatusCode::invalid_argument);
  EXPECT_THAT(behind.message(), StartsWith("an earlier step failed: "));
  // Those submitted afterwards are not concerned.
  ASSERT_TRUE(step.set_cache(0).ok());
  EXPECT_EQ(*step.step(0, 1), all_of(1));
}

TEST(NeuronFailure, OfAWriteBehindAStepEndsTheRuntime) {
  FakeDevice device(1);
  // Two writes go before the first step; the third waits behind it.
  device.script("nrt_execute 1 delay:300\nnrt_tensor_write 3 1");
  const auto runtime = device.open();
  const auto program = runtime->load(cache_step(1), ProgramKind::decode);
  CacheStep step(*runtime, **program);
  const Ticket first = *step.submit(0, 1);
  const Ticket second = *step.submit(1, 1);
  (void)runtime->wait(first, kNoDeadline);
  const Status failed = runtime->wait(second, kNoDeadline);
  EXPECT_THAT(failed.message(), HasSubstr("nrt_tensor_write of x"));
  EXPECT_EQ(runtime->health().state, HealthState::dead);
}

TEST(NeuronFailure, ThatDoesNotPassIsTriedForTwoSecondsOnly) {
  FakeDevice device(1);
  device.script("nrt_execute * NRT_EXEC_NC_BUSY");
  const auto runtime = device.open();
  const auto program = runtime->load(cache_step(1), ProgramKind::decode);
  CacheStep step(*runtime, **program);
  const auto busy = step.step(0, 1);
  EXPECT_THAT(busy.status().message(), HasSubstr("NRT_EXEC_NC_BUSY (1005)"));
  EXPECT_EQ(runtime->health().state, HealthState::ok);
}

class Hang : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Cores, Hang, testing::Values(1, 2));

TEST_P(Hang, InAnExecutionEndsAtTheDeadline) {
  const int ranks = GetParam();
  FakeDevice device(ranks);
  device.script("nrt_execute@0 2 hang");
  const auto runtime = device.open();
  const auto program = runtime->load(cache_step(ranks), ProgramKind::decode);
  CacheStep step(*runtime, **program);
  ASSERT_TRUE(step.step(0, 1).ok());
  const Ticket ticket = *step.submit(1, 1);
  const Ticket behind = *step.submit(2, 1);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  const Status failed = runtime->wait(ticket, deadline);
  EXPECT_EQ(failed.code(), StatusCode::deadline_exceeded);
  EXPECT_EQ(runtime->wait(behind, kNoDeadline).message(), failed.message());
  expect_all_calls_give(*runtime, &step, failed);
}

TEST_P(Hang, InAnExecutionEndsWithoutADeadlineToo) {
  const int ranks = GetParam();
  FakeDevice device(ranks);
  // Five seconds after libnrt's own limit.
  ::setenv("NEURON_RT_EXEC_TIMEOUT", "1", 1);
  device.script("nrt_execute@0 1 hang");
  const auto runtime = device.open();
  const auto program = runtime->load(cache_step(ranks), ProgramKind::decode);
  CacheStep step(*runtime, **program);
  const Status failed = runtime->wait(*step.submit(1, 1), kNoDeadline);
  EXPECT_FALSE(failed.ok());
  EXPECT_EQ(runtime->health().state, HealthState::dead);
}

TEST_P(Hang, AtLoadEndsAtTheLimit) {
  const int ranks = GetParam();
  FakeDevice device(ranks);
  device.script(ranks == 1 ? "nrt_load 1 hang" : "nrt_load_collectives@1 1 hang");
  auto options = device.options();
  options.load_timeout = std::chrono::seconds(1);
  const auto runtime = device.open(options);
  const auto program = runtime->load(cache_step(ranks), ProgramKind::decode);
  EXPECT_EQ(program.status().code(), StatusCode::deadline_exceeded);
  expect_all_calls_give(*runtime, nullptr, program.status());
}

TEST_P(Hang, AtUnloadDoesNotHoldTheProcess) {
  const int ranks = GetParam();
  FakeDevice device(ranks);
  device.script("nrt_unload 1 hang");
  const auto runtime = device.open();
  auto program = runtime->load(cache_step(ranks), ProgramKind::decode);
  ASSERT_TRUE(program.ok());
  program->reset();
  EXPECT_EQ(runtime->health().state, HealthState::dead);
}

// What libnrt itself does when a core dies in a collective: the others come back with 1200.
TEST(NeuronFailure, OfACoreThatIsAloneInACollectiveComesFromTheLibrary) {
  FakeDevice device(2);
  ::setenv("NEURON_RT_EXEC_TIMEOUT", "1", 1);
  device.script("nrt_execute@1 1 hang");
  const auto runtime = device.open();
  const auto program = runtime->load(cache_step(2), ProgramKind::decode);
  CacheStep step(*runtime, **program);
  const auto failed = step.step(0, 1);
  EXPECT_THAT(failed.status().message(), HasSubstr("NRT_EXEC_HW_ERR_COLLECTIVES (1200)"));
  EXPECT_EQ(runtime->health().state, HealthState::dead);
}

}  // namespace
}  // namespace ix::backend::neuron
