#include "backend/xla_backends.h"

#include <map>
#include <memory>

#include "backend/small_models.h"
#include "backend/xla/pjrt/pjrt_runtime.h"
#include "backend/xla/static_executor.h"
#include "xla/pjrt/plugins.h"

namespace ix::testing {
namespace {

using backend::ExecutorOptions;
using backend::xla::WeightForm;
using backend::xla::XlaModel;
using backend::xla::XlaOptions;

// A small model lives as long as the process, and so does what is loaded of it: a plugin's clients
// are not taken down at exit, where its own static objects may be gone.
std::shared_ptr<XlaModel>& loaded_model(const LoadedKey& key) {
  static auto* models = new std::map<LoadedKey, std::shared_ptr<XlaModel>>();
  return (*models)[key];
}

}  // namespace

double xla_error(const XlaOptions& options) {
  return options.weights.form == WeightForm::f32 ? kXlaFloatError : kXlaBfloat16Error;
}

XlaOptions xla_parts() {
  return {.programs = {.chunk = 32,
                       .head_rows = 3,
                       .layers_per_program = 1,
                       .draft_rows = 2,
                       .least_bucket = 16}};
}

Backend static_backend(const std::string& name, const XlaOptions& options, const LoadModel& load) {
  const auto open =
      [name, load](
          const graph::Decoder& decoder, const quant::WeightSource& weights,
          const ExecutorOptions& executor_options) -> Result<std::unique_ptr<backend::Executor>> {
    IX_ASSIGN_OR_RETURN(auto model,
                        load({name, graph::to_text(decoder), &weights}, decoder, weights));
    return backend::xla::open_static(std::move(model), executor_options);
  };
  const double error = xla_error(options);
  return {.name = name,
          .open = open,
          .error_plain = error,
          .error_quantised = error,
          .batch_invariant = false};
}

Backend xla_backend(const std::string& name, const std::string& plugin, int ranks,
                    const XlaOptions& options) {
  return static_backend(
      name, options,
      [=](const LoadedKey& key, const graph::Decoder& decoder,
          const quant::WeightSource& weights) -> Result<std::shared_ptr<XlaModel>> {
        std::shared_ptr<XlaModel> loaded;
        std::shared_ptr<XlaModel>& model = is_small_model(weights) ? loaded_model(key) : loaded;
        if (model == nullptr) {
          IX_ASSIGN_OR_RETURN(auto runtime, backend::xla::pjrt::PjrtRuntime::open(
                                                {.plugin = plugin, .devices = ranks}));
          IX_ASSIGN_OR_RETURN(model, XlaModel::load(decoder, weights, std::move(runtime), options));
        }
        return model;
      });
}

std::vector<Backend> xla_backends() {
  std::vector<Backend> all;
  const XlaOptions bf16{.programs = {.chunk = 32}};
  XlaOptions f32 = bf16;
  f32.weights.form = WeightForm::f32;
  f32.programs.kv_type = backend::xla::hlo::ElementType::f32;
  for (const CpuPlugin& plugin : cpu_plugins()) {
    all.push_back(xla_backend("xla_" + plugin.name, plugin.path, 1, bf16));
  }
  const std::string newest = cpu_plugins().back().path;
  all.push_back(xla_backend("xla_f32", newest, 1, f32));
  all.push_back(xla_backend("xla_tp2", newest, 2, bf16));
  all.push_back(xla_backend("xla_parts", newest, 1, xla_parts()));
  return all;
}

}  // namespace ix::testing
