#include "neuron/deployments.h"

#include "backend/neuron/compiler/deployment.h"
#include "model/model.h"

namespace ix::cli {
namespace {

namespace neuron = backend::neuron;

bool serves(const neuron::Deployment& made, const DeviceOptions& options, int64_t context) {
  return (options.ranks == 0 || options.ranks == made.ranks) &&
         (options.weights.empty() || options.weights == made.weights) &&
         (options.layers_per_program < 0 ||
          options.layers_per_program == made.layers_per_program) &&
         (context == 0 || context == made.context);
}

Result<DevicePlan> plan_of(const neuron::Deployment& made) {
  DevicePlan plan{.ranks = made.ranks,
                  .slots = made.slots,
                  .context = made.context,
                  .weights = {.embed_on_host = made.embed_on_host},
                  .programs = {.chunk = made.chunk,
                               .head_rows = made.head_rows,
                               .layers_per_program = made.layers_per_program,
                               .draft_rows = made.draft_rows,
                               .least_bucket = made.least_bucket}};
  IX_ASSIGN_OR_RETURN(plan.weights.form, device_form(made.weights));
  return plan;
}

}  // namespace

Result<std::string> graph_hash(const gguf::GgufFile& file) {
  IX_ASSIGN_OR_RETURN(const graph::Decoder decoder, model::build_decoder(file, {}));
  return neuron::hash_text(graph::to_text(decoder));
}

Result<std::optional<DevicePlan>> find_deployment(const DeviceOptions& options,
                                                  const gguf::GgufFile& file, int64_t context) {
  IX_ASSIGN_OR_RETURN(const std::string graph, graph_hash(file));
  IX_ASSIGN_OR_RETURN(const neuron::NeffCache cache, neuron::NeffCache::open());
  for (const neuron::Deployment& made : neuron::list_deployments(cache.root())) {
    if (made.graph != graph || !serves(made, options, context)) continue;
    IX_ASSIGN_OR_RETURN(DevicePlan plan, plan_of(made));
    return std::optional(plan);
  }
  return std::optional<DevicePlan>();
}

}  // namespace ix::cli
