#include "doctor/operation_steps.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <numeric>

#include "doctor/bound_program.h"
#include "doctor/case_programs.h"
#include "doctor/compile_step.h"
#include "doctor/device_under_test.h"

namespace ix::cli::doctor {
namespace {

using Cases = std::shared_ptr<const std::vector<OperationCase>>;

struct FamilyText {
  Family family;
  const char* id;
  const char* title;
};

constexpr FamilyText kFamilies[] = {
    {Family::elementwise, "elementwise", "element by element"},
    {Family::values, "values", "constants and conversions"},
    {Family::layout, "layout", "layout"},
    {Family::products, "products", "dots, reductions, sorts"},
    {Family::indexing, "indexing", "positions that are values"},
    {Family::cores, "cores", "all-reduce and all-gather"},
};

std::string signatures(size_t count) {
  return fmt::format("{} signature{}", count, count == 1 ? "" : "s");
}

Json refused_json(const std::vector<OperationCase>& cases, const RefusedCase& refused) {
  return {{"signature", name_of(cases[refused.index].signature)},
          {"problem", "refused"},
          {"got", refused.why}};
}

Json wrong_json(const std::vector<OperationCase>& cases, const WrongCase& wrong) {
  return {{"signature", name_of(cases[wrong.index].signature)},
          {"problem", "wrong"},
          {"expected", wrong.expected},
          {"got", wrong.got}};
}

// "58 of 60 signatures; refused: power(f32,f32)->f32: …".
std::string summary(const std::vector<OperationCase>& cases, const SplitCases& split,
                    const std::vector<WrongCase>& wrong) {
  const size_t bad = split.refused.size() + split.untried.size() + wrong.size();
  std::string text = fmt::format("{} of {}", cases.size() - bad, signatures(cases.size()));
  for (const RefusedCase& refused : split.refused) {
    text += fmt::format("; refused: {}: {}", name_of(cases[refused.index].signature), refused.why);
  }
  for (const WrongCase& each : wrong) {
    text += fmt::format("; wrong: {}: {}, not {}", name_of(cases[each.index].signature), each.got,
                        each.expected);
  }
  if (!split.untried.empty()) {
    text += fmt::format("; {} not tried: {}", split.untried.size(), split.stopped.message());
  }
  return text;
}

StepResult result_of(const std::vector<OperationCase>& cases, const SplitCases& split,
                     const std::vector<WrongCase>& wrong) {
  Json failures = Json::array();
  for (const RefusedCase& refused : split.refused) failures.push_back(refused_json(cases, refused));
  for (const WrongCase& each : wrong) failures.push_back(wrong_json(cases, each));
  Json details{{"signatures", cases.size()},
               {"programs", split.accepted.size()},
               {"not_tried", split.untried.size()},
               {"failures", std::move(failures)}};
  const bool good = split.refused.empty() && split.untried.empty() && wrong.empty();
  const std::string got = summary(cases, split, wrong);
  return good ? StepResult::passed(got, std::move(details))
              : StepResult::failed(got, std::move(details));
}

CaseIndices all_of(const std::vector<OperationCase>& cases) {
  CaseIndices indices(cases.size());
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

// With one core the operations between cores are none.
std::optional<StepResult> one_core(const Cases& cases, const DeviceUnderTest& device) {
  const bool between = cases->front().signature.opcode.starts_with("all-");
  if (!between || device.ranks() > 1) return std::nullopt;
  return StepResult::skipped("there is one core; --tp 2 asks for two");
}

StepResult compile_family(const std::string& id, const Cases& cases, DeviceUnderTest& device) {
  if (auto skipped = one_core(cases, device)) return *std::move(skipped);
  const auto accept = [&](const CaseIndices& part) -> Status {
    IX_ASSIGN_OR_RETURN(const BuiltCases built, build_cases(id, *cases, part, device.ranks()));
    return compile(device, built.module).status();
  };
  const SplitCases split = split_cases(all_of(*cases), accept);
  device.compiled[id] = split.accepted;
  if (split.accepted.empty() && split.stopped.code() == StatusCode::not_found) {
    return without_compiler();
  }
  return result_of(*cases, split, {});
}

Result<std::vector<HostArrays>> run_built(DeviceUnderTest& device, const BuiltCases& built) {
  IX_ASSIGN_OR_RETURN(BoundProgram program,
                      BoundProgram::load(*device.runtime, built.module, built.inputs));
  IX_RETURN_IF_ERROR(program.run(device.deadline()));
  std::vector<HostArrays> results(built.inputs.size());
  for (size_t rank = 0; rank < results.size(); ++rank) {
    for (size_t i = 0; i < built.module.outputs.size(); ++i) {
      IX_ASSIGN_OR_RETURN(HostArray output, program.output(static_cast<int>(rank), i));
      results[rank].push_back(std::move(output));
    }
  }
  return results;
}

// The programs that compiled, or all cases where compiling is a part of loading.
StepResult run_family(const std::string& id, const Cases& cases, DeviceUnderTest& device) {
  if (auto skipped = one_core(cases, device)) return *std::move(skipped);
  std::vector<CaseIndices> parts = {all_of(*cases)};
  if (device.is_neuron()) parts = device.compiled[id];
  if (parts.empty()) return StepResult::skipped("nothing of it compiled");
  SplitCases split;
  std::vector<WrongCase> wrong;
  const auto accept = [&](const CaseIndices& part) -> Status {
    IX_RETURN_IF_ERROR(device.runtime->health().status);
    IX_ASSIGN_OR_RETURN(const BuiltCases built, build_cases(id, *cases, part, device.ranks()));
    IX_ASSIGN_OR_RETURN(const auto results, run_built(device, built));
    const auto found = wrong_cases(*cases, part, results);
    wrong.insert(wrong.end(), found.begin(), found.end());
    return device.give_up() ? Status(StatusCode::cancelled, "the time is up") : ok_status();
  };
  size_t tried = 0;
  for (const CaseIndices& part : parts) {
    const SplitCases of_part = split_cases(part, accept);
    split.accepted.insert(split.accepted.end(), of_part.accepted.begin(), of_part.accepted.end());
    split.refused.insert(split.refused.end(), of_part.refused.begin(), of_part.refused.end());
    split.untried.insert(split.untried.end(), of_part.untried.begin(), of_part.untried.end());
    if (!of_part.stopped.ok()) split.stopped = of_part.stopped;
    tried += part.size();
  }
  StepResult result = result_of(*cases, split, wrong);
  const size_t left = cases->size() - tried;
  if (left == 0) return result;
  // The step that compiles has told of them.
  result.got += fmt::format("; {} did not compile", left);
  return result;
}

}  // namespace

std::vector<Step> operation_steps(bool compiles_apart) {
  std::vector<Step> steps;
  for (const FamilyText& text : kFamilies) {
    const auto cases = std::make_shared<const std::vector<OperationCase>>(cases_of(text.family));
    const std::string id = text.id;
    const std::string title = std::string("operations: ") + text.title;
    if (compiles_apart) {
      steps.push_back(
          {"compile." + id,
           "compile " + title,
           fmt::format("neuronx-cc takes all {}", signatures(cases->size())),
           "attach the report to an issue: it names what the compiler refuses and why",
           kFamilyCompileLimit,
           {},
           [id, cases](DeviceUnderTest& device) { return compile_family(id, cases, device); }});
    }
    steps.push_back(
        {"ops." + id,
         title,
         fmt::format("{} give what the host works out", signatures(cases->size())),
         "attach the report to an issue: it names the operation and both numbers",
         std::chrono::seconds(120),
         {kOpenStep},
         [id, cases](DeviceUnderTest& device) { return run_family(id, cases, device); }});
  }
  return steps;
}

}  // namespace ix::cli::doctor
