#include "neuron/compile_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "device_options.h"
#include "model/model.h"
#include "neuron/deployments.h"

namespace ix::cli {
namespace {

namespace neuron = backend::neuron;
namespace xla = backend::xla;

constexpr int64_t kDefaultContext = 4096;
// What a core keeps for code, DMA rings and scratch where the number of cores is ours to choose.
constexpr int64_t kReserve = int64_t{2} << 30;

// A plan for the number of cores that was asked for, or the fewest that hold weights and cache.
Result<xla::ModelPlan> plan_cores(const graph::Decoder& decoder, const gguf::GgufFile& file,
                                  const CompileChoices& choices, const planner::Instance& instance,
                                  const xla::CacheShape& cache) {
  xla::WeightOptions weights{.embed_on_host = choices.embed_on_host};
  IX_ASSIGN_OR_RETURN(weights.form, device_form(choices.weights));
  if (choices.ranks > instance.cores) {
    return invalid_argument(
        fmt::format("--tp {}: {} has {} cores", choices.ranks, instance.name, instance.cores));
  }
  if (choices.ranks > 0) return xla::plan_model(decoder, file, choices.ranks, weights);
  xla::ModelPlan plan;
  for (const int ranks : planner::tensor_parallel_degrees()) {
    // Both cores of a chip are there: one alone would leave half of its bandwidth.
    if (ranks < 2 || ranks > instance.cores) continue;
    IX_ASSIGN_OR_RETURN(plan, xla::plan_model(decoder, file, ranks, weights));
    const int64_t held = plan.weights.bytes() + xla::cache_bytes(plan.lowering(decoder, cache, {}));
    if (held + kReserve <= planner::kCoreBytes) break;
  }
  return plan;
}

std::string model_name(const gguf::GgufFile& file) {
  for (const char* key : {"general.name", "general.architecture"}) {
    const auto name = file.metadata().get_string(key);
    if (name.ok() && !name->empty()) return std::string(*name);
  }
  return "model";
}

Result<std::vector<PlannedProgram>> plan_each(std::vector<xla::CompilableProgram> programs,
                                              const CompileChoices& choices) {
  std::vector<PlannedProgram> planned;
  for (xla::CompilableProgram& program : programs) {
    const xla::hlo::Module& module = program.lowered.module;
    PlannedProgram out;
    IX_ASSIGN_OR_RETURN(out.instructions, xla::hlo::estimate_instructions(module.bytes));
    IX_ASSIGN_OR_RETURN(out.findings, xla::hlo::verify(module.bytes, {.replicas = module.replicas,
                                                                      .allow = choices.allow}));
    out.program = std::move(program);
    planned.push_back(std::move(out));
  }
  return planned;
}

}  // namespace

Result<CompilePlan> plan_compilation(const gguf::GgufFile& file, const CompileChoices& choices) {
  CompilePlan plan;
  IX_ASSIGN_OR_RETURN(plan.instance, planner::find_instance(choices.instance));
  IX_ASSIGN_OR_RETURN(graph::Decoder decoder, model::build_decoder(file, {choices.context}));
  const int64_t context =
      choices.context > 0 ? choices.context : std::min(decoder.context_length, kDefaultContext);
  IX_ASSIGN_OR_RETURN(decoder, model::build_decoder(file, {context}));

  const xla::ProgramSetOptions options{.chunk = choices.chunk,
                                       .layers_per_program = choices.layers_per_program,
                                       .draft_rows = choices.draft_rows};
  IX_ASSIGN_OR_RETURN(const xla::ProgramSet set,
                      xla::plan_programs(decoder, choices.slots, context, options));
  IX_ASSIGN_OR_RETURN(const xla::ModelPlan model,
                      plan_cores(decoder, file, choices, plan.instance, set.cache));
  const xla::LoweringModel lowering = model.lowering(decoder, set.cache, {});
  IX_ASSIGN_OR_RETURN(std::vector<xla::CompilableProgram> programs,
                      xla::lower_programs(lowering, set, choices.full));
  IX_ASSIGN_OR_RETURN(plan.memory, xla::plan_memory(lowering, programs));
  IX_ASSIGN_OR_RETURN(plan.programs, plan_each(std::move(programs), choices));
  plan.padding = xla::to_text(model.shards);

  neuron::Deployment& deployment = plan.deployment;
  deployment.model = model_name(file);
  IX_ASSIGN_OR_RETURN(deployment.graph, graph_hash(file));
  deployment.instance = plan.instance.name;
  deployment.ranks = model.shards.ranks;
  deployment.slots = choices.slots;
  deployment.context = static_cast<int32_t>(context);
  deployment.weights = choices.weights;
  deployment.embed_on_host = choices.embed_on_host;
  deployment.chunk = options.chunk;
  deployment.head_rows = options.head_rows;
  deployment.layers_per_program = options.layers_per_program;
  deployment.draft_rows = options.draft_rows;
  deployment.least_bucket = options.least_bucket;
  return plan;
}

std::vector<neuron::ProgramToCompile> CompilePlan::to_compile() const {
  std::vector<neuron::ProgramToCompile> out;
  out.reserve(programs.size());
  for (const PlannedProgram& planned : programs) {
    out.push_back({&planned.program.lowered.module, planned.program.kind});
  }
  return out;
}

std::vector<FindingGroup> CompilePlan::findings() const {
  std::map<std::tuple<bool, std::string, std::string>, FindingGroup> groups;
  for (const PlannedProgram& planned : programs) {
    for (const xla::hlo::Finding& finding : planned.findings) {
      const bool warning = finding.severity == xla::hlo::Severity::warning;
      const auto [group, added] = groups.try_emplace({warning, finding.rule, finding.reason});
      if (added) {
        group->second = {.first = finding, .program = planned.program.lowered.module.name};
      }
      ++group->second.count;
    }
  }
  std::vector<FindingGroup> out;
  out.reserve(groups.size());
  for (auto& [key, group] : groups) out.push_back(std::move(group));
  return out;
}

Status CompilePlan::check() const {
  const std::vector<FindingGroup> found = findings();
  if (found.empty() || found.front().first.severity != xla::hlo::Severity::error) {
    return ok_status();
  }
  const FindingGroup& group = found.front();
  const bool may_pass = group.first.rule == "signature";
  return unsupported(to_text(group) + (may_pass ? "; --allow lets it pass" : ""));
}

Status CompilePlan::check_memory() const {
  if (memory.total() <= planner::kCoreBytes) return ok_status();
  return resource_exhausted(fmt::format(
      "a core would need {:.1f} GB and has {:.1f}: take more cores (--tp, --instance), fewer "
      "--slots, a shorter --context or --weights int8",
      static_cast<double>(memory.total()) / 1e9, static_cast<double>(planner::kCoreBytes) / 1e9));
}

}  // namespace ix::cli
