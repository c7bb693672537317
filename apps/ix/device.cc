#include "device.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "backend/neuron/compiler/compile_programs.h"
#include "backend/neuron/neuron_runtime.h"
#include "backend/xla/pjrt/find_plugin.h"
#include "backend/xla/pjrt/pjrt_runtime.h"
#include "backend/xla/static_executor.h"
#include "neuron/compile_line.h"
#include "neuron/deployments.h"
#include "progress.h"

namespace ix::cli {
namespace {

namespace neuron = backend::neuron;
namespace xla = backend::xla;

constexpr std::string_view kPlugin = "pjrt:";

std::optional<std::string> plugin_path(const std::string& device) {
  if (!device.starts_with(kPlugin) || device.size() == kPlugin.size()) return std::nullopt;
  return device.substr(kPlugin.size());
}

// What the cache lacks is compiled before weights are read, several programs at once.
Status compile_missing(neuron::NeuronRuntime& runtime, const graph::Decoder& decoder,
                       const quant::WeightSource& source, const DevicePlan& plan,
                       const backend::ExecutorOptions& options) {
  IX_ASSIGN_OR_RETURN(const xla::ModelPlan model,
                      xla::plan_model(decoder, source, runtime.ranks(), plan.weights));
  IX_ASSIGN_OR_RETURN(const xla::ProgramSet set,
                      xla::plan_programs(decoder, options.max_sequences,
                                         options.kv_tokens / options.max_sequences, plan.programs));
  IX_ASSIGN_OR_RETURN(
      const auto programs,
      xla::lower_programs(model.lowering(decoder, set.cache, {}), set, /*optional=*/false));
  std::vector<neuron::ProgramToCompile> wanted;
  wanted.reserve(programs.size());
  for (const xla::CompilableProgram& program : programs) {
    wanted.push_back({&program.lowered.module, program.kind});
  }
  const auto missing = neuron::missing_programs(runtime.store(), wanted);
  if (missing.empty()) return ok_status();
  const InterruptGuard interrupt;
  CompileLine line(missing.size());
  IX_ASSIGN_OR_RETURN(const auto store,
                      neuron::NeffStore::open({}, interruptible(line, interrupt)));
  return neuron::summarise(neuron::compile_programs(*store, missing));
}

Result<std::unique_ptr<xla::Runtime>> open_neuron(const DevicePlan& plan,
                                                  const graph::Decoder& decoder,
                                                  const quant::WeightSource& source,
                                                  const backend::ExecutorOptions& options) {
  neuron::NeuronOptions neuron;
  neuron.ranks = plan.ranks;
  IX_ASSIGN_OR_RETURN(auto runtime, neuron::NeuronRuntime::open(neuron));
  IX_RETURN_IF_ERROR(compile_missing(*runtime, decoder, source, plan, options));
  return std::unique_ptr<xla::Runtime>(std::move(runtime));
}

Result<std::unique_ptr<xla::Runtime>> open_pjrt(const std::string& device, int ranks) {
  xla::pjrt::PjrtOptions pjrt;
  pjrt.devices = std::max(ranks, 1);
  IX_ASSIGN_OR_RETURN(pjrt.plugin, plugin_of(device));
  IX_ASSIGN_OR_RETURN(auto runtime, xla::pjrt::PjrtRuntime::open(pjrt));
  return std::unique_ptr<xla::Runtime>(std::move(runtime));
}

}  // namespace

Result<std::string> plugin_of(const std::string& device) {
  if (auto path = plugin_path(device)) return *std::move(path);
  return xla::pjrt::find_plugin(xla::pjrt::default_plugin_places());
}

Status check_device(const DeviceOptions& options) {
  const std::string& device = options.device;
  if (device != "cpu" && device != "xla" && device != "neuron" && !plugin_path(device)) {
    return invalid_argument(fmt::format(
        "--device {}: give cpu, xla, neuron or pjrt:PATH with the path of a PJRT plugin", device));
  }
  return options.weights.empty() ? ok_status() : device_form(options.weights).status();
}

Result<DevicePlan> plan_device(const DeviceOptions& options, const gguf::GgufFile& file,
                               int64_t context) {
  if (options.device == "neuron") {
    IX_ASSIGN_OR_RETURN(auto made, find_deployment(options, file, context));
    if (made) return *made;
  }
  DevicePlan plan{.ranks = options.ranks, .context = context};
  if (!options.weights.empty()) {
    IX_ASSIGN_OR_RETURN(plan.weights.form, device_form(options.weights));
  }
  plan.programs.layers_per_program = std::max(options.layers_per_program, 0);
  return plan;
}

Result<std::unique_ptr<backend::Executor>> open_device(
    const DeviceOptions& options, const DevicePlan& plan, const graph::Decoder& decoder,
    const quant::WeightSource& source, const backend::ExecutorOptions& executor_options) {
  const bool on_neuron = options.device == "neuron";
  IX_ASSIGN_OR_RETURN(std::unique_ptr<xla::Runtime> runtime,
                      on_neuron ? open_neuron(plan, decoder, source, executor_options)
                                : open_pjrt(options.device, plan.ranks));
  LoadingLine line;
  xla::XlaOptions xla_options;
  xla_options.weights = plan.weights;
  xla_options.programs = plan.programs;
  // Only XLA's CPU compiler needs it; another plugin multiplies a row more.
  xla_options.target.pad_single_rows = !on_neuron;
  // A step should not wait while a NEFF is loaded; XLA would compile what a short run never needs.
  xla_options.load_ahead = on_neuron;
  xla_options.progress = LoadingLine::update;
  xla_options.progress_context = &line;
  IX_ASSIGN_OR_RETURN(auto model,
                      xla::XlaModel::load(decoder, source, std::move(runtime), xla_options));
  return xla::open_static(std::move(model), executor_options);
}

}  // namespace ix::cli
