#include "backend/xla_backends.h"

#include <algorithm>
#include <map>
#include <memory>
#include <tuple>

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

bool is_small_model(const quant::WeightSource& weights) {
  const auto& models = small_models();
  return std::any_of(models.begin(), models.end(),
                     [&](const auto& model) { return &model->weights == &weights; });
}

// Models may differ in their weights alone.
using LoadedKey = std::tuple<std::string, std::string, const quant::WeightSource*>;

// A small model lives as long as the process, and so does what is loaded of it: a plugin's clients
// are not taken down at exit, where its own static objects may be gone.
std::shared_ptr<XlaModel>& loaded_model(const LoadedKey& key) {
  static auto* models = new std::map<LoadedKey, std::shared_ptr<XlaModel>>();
  return (*models)[key];
}

}  // namespace

Backend xla_backend(const std::string& name, const std::string& plugin, int ranks,
                    const XlaOptions& options) {
  const auto open =
      [=](const graph::Decoder& decoder, const quant::WeightSource& weights,
          const ExecutorOptions& executor_options) -> Result<std::unique_ptr<backend::Executor>> {
    std::shared_ptr<XlaModel> loaded;
    std::shared_ptr<XlaModel>& model =
        is_small_model(weights) ? loaded_model({name, graph::to_text(decoder), &weights}) : loaded;
    if (model == nullptr) {
      IX_ASSIGN_OR_RETURN(auto runtime, backend::xla::pjrt::PjrtRuntime::open(
                                            {.plugin = plugin, .devices = ranks}));
      IX_ASSIGN_OR_RETURN(model, XlaModel::load(decoder, weights, std::move(runtime), options));
    }
    return backend::xla::open_static(model, executor_options);
  };
  const bool exact = options.weights.form == WeightForm::f32;
  const double error = exact ? kXlaFloatError : kXlaBfloat16Error;
  return {.name = name,
          .open = open,
          .error_plain = error,
          .error_quantised = error,
          .batch_invariant = false};
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
  // Ranges of layers, decodes of three rows, and programs for a part of the cache.
  const XlaOptions parts{.programs = {.chunk = 32,
                                      .head_rows = 3,
                                      .layers_per_program = 1,
                                      .draft_rows = 2,
                                      .least_bucket = 16}};
  all.push_back(xla_backend("xla_parts", newest, 1, parts));
  return all;
}

}  // namespace ix::testing
