#include "backend/xla/weights/op_recipes.h"

#include "backend/xla/padding.h"

namespace ix::backend::xla {
namespace {

int64_t rows_of(const graph::Linear& op) {
  int64_t rows = 0;
  for (const graph::LinearPart& part : op.parts) rows += part.width;
  return rows;
}

// Rows of the tensor that are this rank's output columns, part after part.
std::vector<int32_t> output_rows(const ShardPlan& plan, const graph::Linear& op, int rank) {
  std::vector<int32_t> rows;
  int32_t first = 0;  // row of the part
  for (const graph::LinearPart& part : op.parts) {
    for (const int32_t column : plan.columns(part.out, rank)) {
      rows.push_back(column == kPad ? kPad : first + column);
    }
    first += static_cast<int32_t>(part.width);
  }
  return rows;
}

}  // namespace

MatrixRecipe matrix_recipe(const ShardPlan& plan, const graph::Linear& op, int rank,
                           WeightForm form) {
  return {.tensor = op.weight,
          .rows = rows_of(op),
          .cols = op.in_width,
          .in = plan.columns(op.in, rank),
          .out = output_rows(plan, op, rank),
          .form = form};
}

VectorRecipe bias_recipe(const ShardPlan& plan, const graph::Linear& op, int rank) {
  return {.tensor = op.bias, .size = rows_of(op), .elements = output_rows(plan, op, rank)};
}

VectorRecipe norm_recipe(const ShardPlan& plan, const graph::RmsNorm& op) {
  return {.tensor = op.weight, .size = op.group, .elements = plan.unit_order(op.in, op.group)};
}

TableRecipe table_recipe(const graph::Decoder& decoder, const graph::Embedding& op,
                         hlo::ElementType type) {
  return {.tensor = op.weight,
          .rows = decoder.vocab_size,
          .cols = decoder.values[static_cast<size_t>(op.out)].width,
          .type = type};
}

}  // namespace ix::backend::xla
