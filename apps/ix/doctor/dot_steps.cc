// A dot of 128 x 128 in bfloat16 with sums in float32: what NeuronCores are made for, and the time
// that one execution takes.
#include <fmt/format.h>

#include <algorithm>

#include "backend/xla/hlo/builder.h"
#include "doctor/bound_program.h"
#include "doctor/case_programs.h"
#include "doctor/compile_step.h"
#include "doctor/program_steps.h"

namespace ix::cli::doctor {
namespace {

constexpr int64_t kWidth = 128;
const Dims kSquare = {kWidth, kWidth};

Result<Module> build(int ranks) {
  Builder b("doctor_dot", ranks);
  const auto x = b.parameter("x", {ElementType::bf16, kSquare});
  const auto w = b.parameter("w", {ElementType::bf16, kSquare});
  b.output("y", b.matmul(x, w, ElementType::f32));
  return std::move(b).finish();
}

HostArrays inputs_of(int rank) {
  return {input_values(Pattern::halves, ElementType::bf16, kSquare, rank),
          input_values(Pattern::quarters, ElementType::bf16, kSquare, rank)};
}

// Sums of 128 products of numbers with few digits: exact in float32 in any order.
Values product(const HostArrays& inputs) {
  Values y(static_cast<size_t>(kWidth * kWidth));
  for (int64_t row = 0; row < kWidth; ++row) {
    for (int64_t k = 0; k < kWidth; ++k) {
      const double x = inputs[0].values[static_cast<size_t>(row * kWidth + k)];
      for (int64_t col = 0; col < kWidth; ++col) {
        y[static_cast<size_t>(row * kWidth + col)] +=
            x * inputs[1].values[static_cast<size_t>(k * kWidth + col)];
      }
    }
  }
  return y;
}

Result<BoundProgram> load(DeviceUnderTest& device) {
  IX_ASSIGN_OR_RETURN(const Module module, build(device.ranks()));
  return BoundProgram::load(*device.runtime, module, of_all_ranks(device.ranks(), inputs_of));
}

StepResult run_dot(DeviceUnderTest& device) {
  Result<BoundProgram> program = load(device);
  if (!program.ok()) return StepResult::failed(program.status());
  if (const Status ran = program->run(device.deadline()); !ran.ok()) return StepResult::failed(ran);
  for (int rank = 0; rank < device.ranks(); ++rank) {
    const Result<HostArray> y = program->output(rank, 0);
    if (!y.ok()) return StepResult::failed(y.status());
    const auto off = first_mismatch(product(inputs_of(rank)), y->values, kExact);
    if (off) {
      return StepResult::failed(fmt::format("row {}, column {} on core {} is {}, not {}",
                                            off->element / kWidth, off->element % kWidth, rank,
                                            off->got, off->expected));
    }
  }
  return StepResult::passed("all numbers equal");
}

StepResult time_dot(DeviceUnderTest& device) {
  constexpr int kWarmUps = 5;
  constexpr int kRuns = 51;
  Result<BoundProgram> program = load(device);
  if (!program.ok()) return StepResult::failed(program.status());
  const auto warm = program->time_runs(kWarmUps, device.deadline());
  if (!warm.ok()) return StepResult::failed(warm.status());
  auto times = program->time_runs(kRuns, device.deadline());
  if (!times.ok()) return StepResult::failed(times.status());
  std::ranges::sort(*times);
  const double median = times->at(kRuns / 2) * 1e6;
  return StepResult::passed(fmt::format("median {:.0f} us of {} executions on {} core{}", median,
                                        kRuns, device.ranks(), device.ranks() == 1 ? "" : "s"),
                            {{"runs", kRuns},
                             {"median_us", median},
                             {"least_us", times->front() * 1e6},
                             {"most_us", times->back() * 1e6}});
}

}  // namespace

std::vector<Step> dot_steps(bool compiles_apart) {
  const std::string title = "dot of 128 x 128";
  std::vector<Step> steps;
  std::vector<std::string> needs = {kOpenStep};
  if (compiles_apart) {
    steps.push_back(compile_step("dot", title, build));
    needs.emplace_back("compile.dot");
  }
  steps.push_back({"dot", title, "the product that the host works out, every number equal",
                   "the device multiplies wrongly or not at all: attach the report to an issue",
                   std::chrono::seconds(60), needs, run_dot});
  return steps;
}

Step time_step() {
  return {"time",          "time of one execution",  "executions that end",
          "see the error", std::chrono::seconds(60), {kOpenStep, "dot"},
          time_dot};
}

}  // namespace ix::cli::doctor
