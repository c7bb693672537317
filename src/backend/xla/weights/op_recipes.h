// Recipes of the ops of a graph: which rows and columns of their tensors a rank holds.
#pragma once

#include "backend/xla/sharding/shard_plan.h"
#include "backend/xla/weights/matrix_recipe.h"
#include "backend/xla/weights/vector_recipe.h"
#include "graph/decoder.h"

namespace ix::backend::xla {

MatrixRecipe matrix_recipe(const ShardPlan& plan, const graph::Linear& op, int rank,
                           WeightForm form);

// The bias lies like the linear's outputs. A row-parallel linear adds it after the sum over ranks.
VectorRecipe bias_recipe(const ShardPlan& plan, const graph::Linear& op, int rank);

// [group], in the order of a unit's columns.
VectorRecipe norm_recipe(const ShardPlan& plan, const graph::RmsNorm& op);

TableRecipe table_recipe(const graph::Decoder& decoder, const graph::Embedding& op,
                         hlo::ElementType type);

}  // namespace ix::backend::xla
