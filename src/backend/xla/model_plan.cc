#include "backend/xla/model_plan.h"

namespace ix::backend::xla {

LoweringModel ModelPlan::lowering(const graph::Decoder& decoder, const CacheShape& cache,
                                  const LoweringTarget& target) const {
  return {.decoder = &decoder,
          .plan = &shards,
          .weights = &weights,
          .rope = &rope,
          .cache = cache,
          .target = target};
}

Result<ModelPlan> plan_model(const graph::Decoder& decoder, const quant::WeightSource& source,
                             int ranks, const WeightOptions& options) {
  IX_RETURN_IF_ERROR(graph::verify(decoder));
  ModelPlan plan;
  IX_ASSIGN_OR_RETURN(plan.shards, plan_shards(decoder, ranks));
  IX_ASSIGN_OR_RETURN(plan.weights, list_weights(decoder, plan.shards, source, options));
  IX_ASSIGN_OR_RETURN(plan.rope, rope_tables(decoder, source));
  return plan;
}

}  // namespace ix::backend::xla
