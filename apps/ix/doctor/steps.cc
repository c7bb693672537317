#include "doctor/steps.h"

#include <algorithm>
#include <iterator>

#include "doctor/model_step.h"
#include "doctor/open_steps.h"
#include "doctor/operation_steps.h"
#include "doctor/program_steps.h"
#include "doctor/transfer_step.h"

namespace ix::cli::doctor {
namespace {

// Prefill, its head, and decode.
constexpr int kModelPrograms = 3;

void append(std::vector<Step>& steps, std::vector<Step> more) {
  std::ranges::move(more, std::back_inserter(steps));
}

}  // namespace

std::vector<Step> steps_for(const DoctorOptions& options) {
  const bool neuron = options.kind == DeviceKind::neuron;
  std::vector<Step> steps = neuron ? neuron_open_steps() : xla_open_steps();
  if (!options.deep) return steps;
  append(steps, dot_steps(neuron));
  append(steps, in_place_steps(neuron));
  append(steps, operation_steps(neuron));
  append(steps, top_k_steps(neuron));
  append(steps, {transfer_step(), time_step(), model_step(neuron)});
  for (Step& step : steps) {
    if (options.limit.count() > 0) step.limit = options.limit;
  }
  return steps;
}

int programs_to_compile(const DoctorOptions& options) {
  const auto steps = steps_for(options);
  const auto apart = std::ranges::count_if(
      steps, [](const Step& step) { return step.id.starts_with("compile."); });
  return apart == 0 ? 0 : static_cast<int>(apart) + kModelPrograms;
}

}  // namespace ix::cli::doctor
