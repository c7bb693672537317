#include "device.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>
#include <utility>

#include "backend/neuron/neuron_runtime.h"
#include "backend/xla/pjrt/find_plugin.h"
#include "backend/xla/pjrt/pjrt_runtime.h"
#include "backend/xla/static_executor.h"
#include "backend/xla/weights/weight_form.h"
#include "backend/xla/xla_model.h"
#include "progress.h"

namespace ix::cli {
namespace {

namespace xla = backend::xla;

constexpr std::string_view kPlugin = "pjrt:";

std::optional<std::string> plugin_path(const std::string& device) {
  if (!device.starts_with(kPlugin) || device.size() == kPlugin.size()) return std::nullopt;
  return device.substr(kPlugin.size());
}

std::optional<xla::WeightForm> device_form(const std::string& name) {
  const auto form = xla::parse_weight_form(name);
  // Float32 is for tests: nobody has a device whose memory it suits.
  return form == xla::WeightForm::f32 ? std::nullopt : form;
}

Result<std::unique_ptr<xla::Runtime>> open_runtime(const DeviceOptions& options) {
  if (options.device == "neuron") {
    backend::neuron::NeuronOptions neuron;
    neuron.ranks = options.ranks;
    IX_ASSIGN_OR_RETURN(auto runtime, backend::neuron::NeuronRuntime::open(neuron));
    return std::unique_ptr<xla::Runtime>(std::move(runtime));
  }
  xla::pjrt::PjrtOptions pjrt;
  pjrt.devices = options.ranks > 0 ? options.ranks : 1;
  IX_ASSIGN_OR_RETURN(pjrt.plugin, plugin_of(options.device));
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
  if (!device_form(options.weights)) {
    return invalid_argument(
        fmt::format("--weights {}: give bf16, f16, int8 or q4", options.weights));
  }
  return ok_status();
}

Result<std::unique_ptr<backend::Executor>> open_device(
    const DeviceOptions& options, const graph::Decoder& decoder, const quant::WeightSource& source,
    const backend::ExecutorOptions& executor_options) {
  IX_ASSIGN_OR_RETURN(std::unique_ptr<xla::Runtime> runtime, open_runtime(options));
  LoadingLine line;
  xla::XlaOptions xla_options;
  xla_options.weights.form = *device_form(options.weights);
  // Only XLA's CPU compiler needs it; another plugin multiplies a row more.
  xla_options.target.pad_single_rows = options.device != "neuron";
  xla_options.programs.layers_per_program = options.layers_per_program;
  xla_options.progress = LoadingLine::update;
  xla_options.progress_context = &line;
  IX_ASSIGN_OR_RETURN(auto model,
                      xla::XlaModel::load(decoder, source, std::move(runtime), xla_options));
  return xla::open_static(std::move(model), executor_options);
}

}  // namespace ix::cli
