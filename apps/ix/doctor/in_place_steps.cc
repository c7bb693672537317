// Outputs that take their parameters' storage, as the KV cache does.
#include <fmt/format.h>

#include "backend/xla/hlo/builder.h"
#include "doctor/bound_program.h"
#include "doctor/case_programs.h"
#include "doctor/compile_step.h"
#include "doctor/program_steps.h"

namespace ix::cli::doctor {
namespace {

// total += x, in place.
Result<Module> build_total(int ranks) {
  Builder b("doctor_in_place", ranks);
  const auto x = b.parameter("x", {ElementType::f32, kExtents});
  const auto total = b.parameter("total", {ElementType::f32, kExtents});
  b.output_in_place("total", b.add(total, x), total);
  return std::move(b).finish();
}

// Two runs with the same tensors: the second sees what the first left.
StepResult run_total(DeviceUnderTest& device) {
  const auto module = build_total(device.ranks());
  if (!module.ok()) return StepResult::failed(module.status());
  const auto inputs = of_all_ranks(device.ranks(), [](int rank) -> HostArrays {
    return {input_values(Pattern::halves, ElementType::f32, kExtents, rank),
            input_values(Pattern::quarters, ElementType::f32, kExtents, rank)};
  });
  auto program = BoundProgram::load(*device.runtime, *module, inputs);
  if (!program.ok()) return StepResult::failed(program.status());
  for (int run = 1; run <= 2; ++run) {
    if (const Status ran = program->run(device.deadline()); !ran.ok()) {
      return StepResult::failed(ran);
    }
    for (int rank = 0; rank < device.ranks(); ++rank) {
      const HostArrays& in = inputs[static_cast<size_t>(rank)];
      Values expected = in[1].values;
      for (size_t i = 0; i < expected.size(); ++i) expected[i] += run * in[0].values[i];
      const auto total = program->output(rank, 0);
      if (!total.ok()) return StepResult::failed(total.status());
      const auto off = first_mismatch(expected, total->values, kExact);
      if (off) {
        return StepResult::failed(fmt::format("after run {} element {} on core {} is {}, not {}",
                                              run, off->element, rank, off->got, off->expected));
      }
    }
  }
  return StepResult::passed("equal after each of two runs");
}

// As the cache of a model lies: [slot, head, position, width].
constexpr int64_t kSlots = 2;
constexpr int64_t kHeads = 2;
constexpr int64_t kPositions = 256;
constexpr int64_t kHeadWidth = 64;
const Dims kCache = {kSlots, kHeads, kPositions, kHeadWidth};
const Dims kUpdate = {1, kHeads, 1, kHeadWidth};

Result<Module> build_cache(int ranks) {
  Builder b("doctor_kv", ranks);
  const auto keys = b.parameter("keys", {ElementType::bf16, kUpdate});
  const auto slot = b.parameter("slot", {ElementType::s32, {1}});
  const auto position = b.parameter("position", {ElementType::s32, {1}});
  const auto cache = b.parameter("cache", {ElementType::bf16, kCache});
  b.output_in_place(
      "cache",
      b.dynamic_update_slice(cache, keys, {b.reshape(slot, {}), 0.0, b.reshape(position, {}), 0.0}),
      cache);
  return std::move(b).finish();
}

// The last position of the last slot: nothing lies behind it, and nothing beside it may change.
StepResult run_cache(DeviceUnderTest& device) {
  const auto module = build_cache(device.ranks());
  if (!module.ok()) return StepResult::failed(module.status());
  const auto inputs = of_all_ranks(device.ranks(), [](int rank) -> HostArrays {
    return {input_values(Pattern::quarters, ElementType::bf16, kUpdate, rank),
            one_number(ElementType::s32, kSlots - 1), one_number(ElementType::s32, kPositions - 1),
            input_values(Pattern::halves, ElementType::bf16, kCache, rank)};
  });
  auto program = BoundProgram::load(*device.runtime, *module, inputs);
  if (!program.ok()) return StepResult::failed(program.status());
  if (const Status ran = program->run(device.deadline()); !ran.ok()) return StepResult::failed(ran);
  for (int rank = 0; rank < device.ranks(); ++rank) {
    const HostArrays& in = inputs[static_cast<size_t>(rank)];
    Values expected = in[3].values;
    for (int64_t head = 0; head < kHeads; ++head) {
      const int64_t row = ((kSlots - 1) * kHeads + head) * kPositions + kPositions - 1;
      for (int64_t i = 0; i < kHeadWidth; ++i) {
        expected[static_cast<size_t>(row * kHeadWidth + i)] =
            in[0].values[static_cast<size_t>(head * kHeadWidth + i)];
      }
    }
    const auto cache = program->output(rank, 0);
    if (!cache.ok()) return StepResult::failed(cache.status());
    const auto off = first_mismatch(expected, cache->values, kExact);
    if (off) {
      return StepResult::failed(fmt::format("element {} on core {} is {}, not {}", off->element,
                                            rank, off->got, off->expected));
    }
  }
  return StepResult::passed("the row is written, nothing beside it");
}

void add(std::vector<Step>& steps, bool compiles_apart, Step step, const BuildModule& build) {
  if (compiles_apart) {
    steps.push_back(compile_step(step.id, step.title, build));
    step.needs.push_back("compile." + step.id);
  }
  steps.push_back(std::move(step));
}

}  // namespace

std::vector<Step> in_place_steps(bool compiles_apart) {
  const std::string advice =
      "outputs do not take their inputs' storage: attach the report to an issue";
  std::vector<Step> steps;
  add(steps, compiles_apart,
      {"alias",
       "tensor updated in place",
       "the second run adds to what the first left",
       advice,
       std::chrono::seconds(60),
       {kOpenStep},
       run_total},
      build_total);
  add(steps, compiles_apart,
      {"kv",
       "KV update at the last position",
       "one row of each head changes, no other number",
       advice,
       std::chrono::seconds(60),
       {kOpenStep},
       run_cache},
      build_cache);
  return steps;
}

}  // namespace ix::cli::doctor
