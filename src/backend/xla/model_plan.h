// How a model lies on the ranks of a device: known without the device.
#pragma once

#include "backend/xla/lowering/lowering.h"
#include "backend/xla/sharding/shard_plan.h"
#include "backend/xla/weights/weight_list.h"
#include "base/result.h"
#include "graph/decoder.h"
#include "quant/weight_source.h"

namespace ix::backend::xla {

struct ModelPlan {
  ShardPlan shards;
  WeightList weights;
  RopeTables rope;

  // Pointers to the decoder and to this.
  LoweringModel lowering(const graph::Decoder& decoder, const CacheShape& cache,
                         const LoweringTarget& target) const;
};

// Of a verified graph. Reads no weight but factors of rope. Errors name the tensor.
Result<ModelPlan> plan_model(const graph::Decoder& decoder, const quant::WeightSource& source,
                             int ranks, const WeightOptions& options);

}  // namespace ix::backend::xla
