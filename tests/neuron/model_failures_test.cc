// Every status of libnrt while a model runs: at the load of a program, in a prefill and in a
// decode. The run ends or goes on as the status table says, every step within five seconds, and no
// step gives logits that it would not have given without the failure.
//
// The cases of a process share a device. Where one core of two fails, threads are left behind in
// the library: each of ModelOnTwoCores needs a process of its own.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "backend/naive_decoder.h"
#include "backend/xla_backends.h"
#include "neuron/every_failure.h"
#include "neuron/model_run.h"

namespace ix::backend::neuron {
namespace {

using ix::testing::naive_logits;
using ::testing::AllOf;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;

// What whole() gives on a device that does not fail, held against the graph's definition.
const std::vector<std::vector<Logits>>& undisturbed(int ranks) {
  static std::vector<std::vector<Logits>> known[3];
  std::vector<std::vector<Logits>>& all = known[ranks];
  if (!all.empty()) return all;
  shared_device().script("");
  auto run = ModelRun::load({.ranks = ranks, .load_ahead = true});
  EXPECT_TRUE(run.ok() && run->open().ok());
  all = run->whole().value();
  for (int32_t slot = 0; slot < ModelRun::kSlots; ++slot) {
    const auto expected =
        naive_logits(model_of_runs().decoder, model_of_runs().weights, ModelRun::sequence(slot));
    double squared_error = 0;
    double squared = 0;
    for (size_t i = 0; i < all[static_cast<size_t>(slot)].size(); ++i) {
      for (size_t j = 0; j < expected[0].size(); ++j) {
        const double wanted = expected[ModelRun::kPrompt + i][j];
        squared_error += std::pow(all[static_cast<size_t>(slot)][i][j] - wanted, 2);
        squared += wanted * wanted;
      }
    }
    EXPECT_LE(std::sqrt(squared_error / squared), ix::testing::kXlaBfloat16Error);
  }
  return all;
}

// One line for each core, or for one.
std::string script_line(const std::string& function, int core, int nth, int status) {
  return fmt::format("{}@{} {} {}\n", function, core, nth, status);
}

void fail_on_all(int ranks, const std::string& function, int nth, int status) {
  std::string lines;
  for (int core = 0; core < ranks; ++core) lines += script_line(function, core, nth, status);
  shared_device().script(lines);
}

const char* load_function(int ranks) { return ranks == 1 ? "nrt_load" : "nrt_load_collectives"; }

// A core that has not begun when another one is lost does not begin.
void expect_nothing_left(int ranks) {
  EXPECT_THAT(shared_device().log("COMPLAINT"), IsEmpty());
  EXPECT_THAT(shared_device().log("INJECTED"), SizeIs(AllOf(Ge(1), Le(ranks))));
  EXPECT_EQ(shared_device().log("loaded ").size(), shared_device().log("unloaded ").size());
  EXPECT_THAT(shared_device().log("nrt_close"), SizeIs(1));
}

// Nothing works any more, in a new executor neither.
void expect_dead(ModelRun& run, const Status& death) {
  EXPECT_EQ(run.health().state, HealthState::dead);
  for (int32_t slot = 0; slot < ModelRun::kSlots; ++slot) {
    EXPECT_EQ(run.prefill(slot).message(), death.message());
    EXPECT_EQ(run.decode(slot).status().message(), death.message());
  }
}

using Case = std::tuple<int, nrt::StatusInfo>;  // ranks

std::string case_name(const ::testing::TestParamInfo<Case>& row) {
  return fmt::format("tp{}_{}", std::get<0>(row.param),
                     failure_name({std::get<1>(row.param), row.index}));
}

class Model : public ::testing::TestWithParam<Case> {
 protected:
  Model() { undisturbed(ranks()); }
  int ranks() const { return std::get<0>(GetParam()); }
  const nrt::StatusInfo& info() const { return std::get<1>(GetParam()); }
  bool passes_by_itself() const { return info().retry == nrt::Retry::soon; }

  // Runs with the failure in the nth call of every core.
  ModelRun start(const std::string& function, int nth, bool load_ahead = false) {
    shared_device().clear_log();
    fail_on_all(ranks(), function, nth, info().value);
    auto run = ModelRun::load({.ranks = ranks(), .load_ahead = load_ahead, .compiler = false});
    EXPECT_TRUE(run.ok()) << run.status().message();
    return *std::move(run);
  }
  void expect_failure(const Status& status, const std::string& where) const {
    EXPECT_EQ(status.code(), info().code) << status.message();
    EXPECT_THAT(status.message(), AllOf(HasSubstr(where), HasSubstr(info().name)));
  }
  void expect_undisturbed(ModelRun& run) const {
    EXPECT_EQ(run.health().state, HealthState::ok);
    const auto logits = run.whole();
    ASSERT_TRUE(logits.ok()) << logits.status().message();
    EXPECT_EQ(*logits, undisturbed(ranks()));
  }
};
INSTANTIATE_TEST_SUITE_P(Statuses, Model,
                         ::testing::Combine(::testing::Values(1, 2),
                                            ::testing::ValuesIn(every_failure())),
                         case_name);

TEST_P(Model, AtLoadBeforeTheFirstStep) {
  {
    ModelRun run = start(load_function(ranks()), 2, true);
    const Status opened = run.open();
    EXPECT_EQ(opened.ok(), passes_by_itself());
    if (!opened.ok()) expect_failure(opened, load_function(ranks()));
    if (info().sticky) {
      EXPECT_EQ(run.health().state, HealthState::dead);
      EXPECT_EQ(run.open().message(), opened.message());
    } else {
      ASSERT_TRUE(opened.ok() || run.open().ok());
      expect_undisturbed(run);
    }
  }
  expect_nothing_left(ranks());
}

// The decode program is loaded when the prefills have run.
TEST_P(Model, AtLoadInAStep) {
  {
    ModelRun run = start(load_function(ranks()), 2);
    ASSERT_TRUE(run.open().ok());
    ASSERT_TRUE(run.prefill(0).ok() && run.prefill(1).ok());
    auto decoded = run.decode(0);
    EXPECT_EQ(decoded.ok(), passes_by_itself());
    if (!decoded.ok()) expect_failure(decoded.status(), load_function(ranks()));
    if (info().sticky) {
      expect_dead(run, decoded.status());
    } else {
      // Nothing has run: the sequences are as they were.
      if (!decoded.ok()) decoded = run.decode(0);
      ASSERT_TRUE(decoded.ok()) << decoded.status().message();
      EXPECT_EQ(*decoded, undisturbed(ranks())[0]);
      expect_undisturbed(run);
    }
  }
  expect_nothing_left(ranks());
}

// The second prefill, in the other slot.
TEST_P(Model, InAPrefill) {
  {
    ModelRun run = start("nrt_execute", 2);
    ASSERT_TRUE(run.open().ok());
    ASSERT_TRUE(run.prefill(0).ok());
    const Status prefilled = run.prefill(1);
    EXPECT_EQ(prefilled.ok(), passes_by_itself());
    if (!prefilled.ok()) expect_failure(prefilled, "nrt_execute of prefill");
    if (info().sticky) {
      expect_dead(run, prefilled);
    } else {
      const auto other = run.decode(0);
      if (prefilled.ok()) {
        EXPECT_EQ(*other, undisturbed(ranks())[0]);
      } else {
        // Its keys and values were in the tensors that the failed execution may have spoiled.
        expect_failure(other.status(), "an earlier step failed");
      }
      expect_undisturbed(run);
    }
  }
  expect_nothing_left(ranks());
}

TEST_P(Model, InADecode) {
  {
    ModelRun run = start("nrt_execute", 4);
    ASSERT_TRUE(run.open().ok());
    ASSERT_TRUE(run.prefill(0).ok() && run.prefill(1).ok());
    const auto decoded = run.decode(0);
    EXPECT_EQ(decoded.ok(), passes_by_itself());
    if (!decoded.ok()) expect_failure(decoded.status(), "nrt_execute of decode");
    if (info().sticky) {
      expect_dead(run, decoded.status());
    } else {
      const auto other = run.decode(1);
      if (decoded.ok()) {
        EXPECT_EQ(*decoded, undisturbed(ranks())[0]);
        EXPECT_EQ(*other, undisturbed(ranks())[1]);
      } else {
        expect_failure(other.status(), "an earlier step failed");
      }
      expect_undisturbed(run);
    }
  }
  expect_nothing_left(ranks());
}

// The other core waits for the one that failed, for ever or until libnrt's own limit: the process
// ends with the error of the core that failed.
class ModelOnTwoCores : public ::testing::TestWithParam<nrt::StatusInfo> {
 protected:
  bool passes_by_itself() const { return GetParam().retry == nrt::Retry::soon; }
  void start(const std::string& function, int nth) {
    shared_device().script(script_line(function, 1, nth, GetParam().value));
    auto run = ModelRun::load({.ranks = 2});
    ASSERT_TRUE(run.ok() && run->open().ok());
    run_.emplace(*std::move(run));
  }
  void expect_end(const Status& status, const std::string& where) {
    if (passes_by_itself()) {
      EXPECT_TRUE(status.ok()) << status.message();
      const auto logits = run_->whole();
      ASSERT_TRUE(logits.ok()) << logits.status().message();
      run_.reset();
      EXPECT_EQ(*logits, undisturbed(2));
      return;
    }
    EXPECT_EQ(status.code(), GetParam().code);
    EXPECT_THAT(status.message(),
                AllOf(HasSubstr(where), HasSubstr("on core 1: "), HasSubstr(GetParam().name)));
    expect_dead(*run_, status);
    EXPECT_EQ(run_->open().message(), status.message());
  }
  std::optional<ModelRun> run_;
};
INSTANTIATE_TEST_SUITE_P(Statuses, ModelOnTwoCores, ::testing::ValuesIn(every_failure()),
                         failure_name);

TEST_P(ModelOnTwoCores, OneAtLoad) {
  start("nrt_load_collectives", 2);
  ASSERT_TRUE(run_->prefill(0).ok());
  expect_end(run_->decode(0).status(), "nrt_load_collectives of decode");
}

TEST_P(ModelOnTwoCores, OneInAPrefill) {
  start("nrt_execute", 2);
  ASSERT_TRUE(run_->prefill(0).ok());
  expect_end(run_->prefill(1), "nrt_execute of prefill");
}

TEST_P(ModelOnTwoCores, OneInADecode) {
  start("nrt_execute", 3);
  ASSERT_TRUE(run_->prefill(0).ok());
  expect_end(run_->decode(0).status(), "nrt_execute of decode");
}

// libnrt does not come back: the step ends at its deadline.
class ModelHang : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, ModelHang, ::testing::Values(1, 2));

TEST_P(ModelHang, InADecodeEndsAtTheDeadline) {
  shared_device().script("nrt_execute@0 3 hang");
  auto run = ModelRun::load({.ranks = GetParam()});
  ASSERT_TRUE(run.ok() && run->open().ok());
  ASSERT_TRUE(run->prefill(0).ok() && run->prefill(1).ok());
  const Status failed = run->decode(0).status();
  EXPECT_EQ(failed.code(), StatusCode::deadline_exceeded) << failed.message();
  expect_dead(*run, failed);
}

}  // namespace
}  // namespace ix::backend::neuron
