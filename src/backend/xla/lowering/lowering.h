// From a graph to HLO programs. The same shape gives the same bytes: names count from the first
// layer of the range, so equal ranges of layers share one program.
#pragma once

#include "backend/xla/lowering/program_shape.h"
#include "backend/xla/lowering/rope_tables.h"
#include "backend/xla/sharding/shard_plan.h"
#include "backend/xla/weights/weight_list.h"
#include "base/result.h"
#include "graph/decoder.h"

namespace ix::backend::xla {

// What all programs of a model have in common. Everything pointed to outlives it.
struct LoweringModel {
  const graph::Decoder* decoder;
  const ShardPlan* plan;
  const WeightList* weights;
  const RopeTables* rope;
  CacheShape cache;
  LoweringTarget target;
};

// internal where the shape does not fit the model: our own bug.
Result<LoweredProgram> lower(const LoweringModel& model, const ProgramShape& shape);

// The best min(256, vocabulary) of each row of logits, merged over ranks, and their logsumexp.
Result<LoweredProgram> lower_top_k(const LoweringModel& model, int64_t rows);

// Copies what one slot holds in the layers of a KV group to another slot.
Result<LoweredProgram> lower_copy(const LoweringModel& model, int32_t group);

}  // namespace ix::backend::xla
