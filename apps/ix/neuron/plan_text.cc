// The plan as people and programs read it.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "neuron/compile_plan.h"

namespace ix::cli {
namespace {

namespace xla = backend::xla;
using Json = nlohmann::ordered_json;

double gb(int64_t bytes) { return static_cast<double>(bytes) / 1e9; }

void append_line(std::string& out, std::string_view name, std::string_view value) {
  fmt::format_to(std::back_inserter(out), "{:<10} {}\n", name, value);
}

}  // namespace

std::string to_text(const CompilePlan& plan) {
  const auto& deployment = plan.deployment;
  std::string out;
  append_line(out, "model", fmt::format("{}, graph {}", deployment.model, deployment.graph));
  append_line(
      out, "target",
      fmt::format("{}, {} of {} cores; {} weights, {} slot{} of {} tokens", deployment.instance,
                  deployment.ranks, plan.instance.cores, deployment.weights, deployment.slots,
                  deployment.slots == 1 ? "" : "s", deployment.context));
  append_line(out, "programs", fmt::format("{}", plan.programs.size()));
  for (const PlannedProgram& planned : plan.programs) {
    const auto& module = planned.program.lowered.module;
    fmt::format_to(std::back_inserter(out), "  {:<36} {:5.0f} kB of HLO, about {} instructions\n",
                   module.name, static_cast<double>(module.bytes.size()) / 1e3,
                   planned.instructions.total());
  }
  append_line(out, "memory",
              fmt::format("{:.2f} GB of a core's {:.2f}: weights {:.2f}, keys and values {:.2f}, "
                          "inputs and results {:.2f}, scratch at most {:.2f}; code and DMA rings "
                          "come on top and are not known",
                          gb(plan.memory.total()), gb(planner::kCoreBytes), gb(plan.memory.weights),
                          gb(plan.memory.kv), gb(plan.memory.rows), gb(plan.memory.scratch)));
  std::string_view padding = plan.padding;
  while (!padding.empty()) {
    const size_t end = std::min(padding.find('\n'), padding.size());
    append_line(out, "padding", padding.substr(0, end));
    padding.remove_prefix(std::min(end + 1, padding.size()));
  }
  return out;
}

std::string to_text(const FindingGroup& group) {
  return fmt::format("{}: {} ({} time{})", group.program, xla::hlo::to_text(group.first),
                     group.count, group.count == 1 ? "" : "s");
}

std::string to_json(const CompilePlan& plan) {
  Json programs = Json::array();
  for (const PlannedProgram& planned : plan.programs) {
    const auto& module = planned.program.lowered.module;
    const bool prefill = planned.program.kind == xla::ProgramKind::prefill;
    programs.push_back({{"name", module.name},
                        {"kind", prefill ? "prefill" : "decode"},
                        {"hlo_bytes", module.bytes.size()},
                        {"parameters", module.parameters.size()},
                        {"instructions",
                         {{"tensor", planned.instructions.tensor},
                          {"vector", planned.instructions.vector},
                          {"memory", planned.instructions.memory}}}});
  }
  Json findings = Json::array();
  for (const FindingGroup& group : plan.findings()) findings.push_back(to_text(group));
  Json out = Json::parse(backend::neuron::to_json(plan.deployment));
  for (const char* later : {"compiler", "created"}) out.erase(later);
  out["programs"] = std::move(programs);
  out["memory_of_a_core"] = {{"weights", plan.memory.weights}, {"kv", plan.memory.kv},
                             {"rows", plan.memory.rows},       {"scratch", plan.memory.scratch},
                             {"total", plan.memory.total()},   {"available", planner::kCoreBytes}};
  out["padding"] = plan.padding;
  out["findings"] = std::move(findings);
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace ix::cli
