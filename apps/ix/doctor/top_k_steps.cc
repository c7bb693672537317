// The top-k that models run: each core sorts pieces of its columns, then what they kept, then what
// all cores kept.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "backend/xla/lowering/emit_head.h"
#include "doctor/bound_program.h"
#include "doctor/case_programs.h"
#include "doctor/compile_step.h"
#include "doctor/program_steps.h"

namespace ix::cli::doctor {
namespace {

using backend::xla::HeadEmitter;

constexpr int64_t kRows = 2;
constexpr int64_t kColumns = 2 * backend::xla::kSortedColumns;  // of a core: two pieces
constexpr int64_t kBest = 64;

Result<Module> build(int ranks) {
  Builder b("doctor_top_k", ranks);
  const auto logits = b.parameter("logits", {ElementType::f32, {kRows, kColumns}});
  const auto first = b.parameter("first_token", {ElementType::f32, {1}});
  HeadEmitter head(b, first, kColumns * ranks);
  b.output("argmax", head.argmax(logits));
  const HeadEmitter::Top top = head.top(logits, kBest);
  b.output("values", top.values);
  b.output("tokens", top.tokens);
  b.output("logsumexp", top.logsumexp);
  return std::move(b).finish();
}

// A number in [-8, 8) in steps of 1/4096; equal ones are many, so that their order is tried too.
double logit(int64_t row, int64_t token) {
  const auto mixed = (static_cast<uint64_t>(row) * 2654435761U + static_cast<uint64_t>(token)) *
                     0x9E3779B97F4A7C15U;
  return static_cast<double>(mixed >> 48) / 4096 - 8;
}

HostArrays inputs_of(int rank) {
  HostArray logits{{ElementType::f32, {kRows, kColumns}}, {}};
  for (int64_t row = 0; row < kRows; ++row) {
    for (int64_t column = 0; column < kColumns; ++column) {
      logits.values.push_back(logit(row, rank * kColumns + column));
    }
  }
  return {std::move(logits), one_number(ElementType::f32, static_cast<double>(rank * kColumns))};
}

struct Expected {
  Values argmax, values, tokens, logsumexp;
};

Expected expected_of(int ranks) {
  Expected out;
  for (int64_t row = 0; row < kRows; ++row) {
    std::vector<int64_t> tokens(static_cast<size_t>(kColumns * ranks));
    std::iota(tokens.begin(), tokens.end(), 0);
    std::ranges::stable_sort(tokens,
                             [row](int64_t a, int64_t b) { return logit(row, a) > logit(row, b); });
    out.argmax.push_back(static_cast<double>(tokens.front()));
    double sum = 0;
    for (const int64_t token : tokens) sum += std::exp(logit(row, token));
    out.logsumexp.push_back(std::log(sum));
    for (int64_t i = 0; i < kBest; ++i) {
      out.tokens.push_back(static_cast<double>(tokens[static_cast<size_t>(i)]));
      out.values.push_back(logit(row, tokens[static_cast<size_t>(i)]));
    }
  }
  return out;
}

StepResult run(DeviceUnderTest& device) {
  const int ranks = device.ranks();
  const auto module = build(ranks);
  if (!module.ok()) return StepResult::failed(module.status());
  auto program = BoundProgram::load(*device.runtime, *module, of_all_ranks(ranks, inputs_of));
  if (!program.ok()) return StepResult::failed(program.status());
  if (const Status ran = program->run(device.deadline()); !ran.ok()) return StepResult::failed(ran);
  const Expected expected = expected_of(ranks);
  const std::pair<const Values*, Tolerance> outputs[] = {
      {&expected.argmax, kExact},
      {&expected.values, kExact},
      {&expected.tokens, kExact},
      {&expected.logsumexp, approximate(ElementType::f32)}};
  for (int rank = 0; rank < ranks; ++rank) {
    for (size_t i = 0; i < std::size(outputs); ++i) {
      const auto got = program->output(rank, i);
      if (!got.ok()) return StepResult::failed(got.status());
      const auto off = first_mismatch(*outputs[i].first, got->values, outputs[i].second);
      if (off) {
        return StepResult::failed(fmt::format("{} {} on core {} is {}, not {}",
                                              module->outputs[i].name, off->element, rank, off->got,
                                              off->expected));
      }
    }
  }
  return StepResult::passed("values, tokens, argmax and logsumexp are right");
}

}  // namespace

std::vector<Step> top_k_steps(bool compiles_apart) {
  const std::string title = "two-stage top-k";
  std::vector<Step> steps;
  std::vector<std::string> needs = {kOpenStep};
  if (compiles_apart) {
    steps.push_back(compile_step("top_k", title, build));
    needs.emplace_back("compile.top_k");
  }
  steps.push_back(
      {"top_k", title,
       fmt::format("the {} best of {} logits a core, equal ones by smaller token", kBest, kColumns),
       "sampling would go wrong: attach the report to an issue", std::chrono::seconds(60), needs,
       run});
  return steps;
}

}  // namespace ix::cli::doctor
