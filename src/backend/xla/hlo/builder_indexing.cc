// Operations whose positions are values of the program.
#include "backend/xla/hlo/builder_state.h"

namespace ix::backend::xla::hlo {
namespace {

// `operands` and then the starts, numbers among them as scalars of the other starts' type.
std::vector<Op> with_starts(Builder& b, std::vector<Op> operands,
                            const std::vector<Operand>& starts) {
  ElementType type = ElementType::s32;
  for (const Operand& start : starts) {
    if (!start.number()) type = b.shape(start.op()).type;
  }
  for (const Operand& start : starts) {
    operands.push_back(start.number() ? b.scalar(type, *start.number()) : start.op());
  }
  return operands;
}

}  // namespace

Op Builder::dynamic_slice(Op x, const std::vector<Operand>& starts, const Dims& sizes) {
  Instruction instruction = make_instruction("dynamic-slice");
  append_all(*instruction.mutable_dynamic_slice_sizes(), sizes);
  return state_->append(std::move(instruction), with_starts(*this, {x}, starts));
}

Op Builder::dynamic_update_slice(Op x, Op update, const std::vector<Operand>& starts) {
  return state_->append(make_instruction("dynamic-update-slice"),
                        with_starts(*this, {x, update}, starts));
}

Op Builder::gather(Op operand, Op indices, const GatherDims& dims, const Dims& slice_sizes) {
  Instruction instruction = make_instruction("gather");
  auto& numbers = *instruction.mutable_gather_dimension_numbers();
  append_all(*numbers.mutable_offset_dims(), dims.offset_dims);
  append_all(*numbers.mutable_collapsed_slice_dims(), dims.collapsed_slice_dims);
  append_all(*numbers.mutable_start_index_map(), dims.start_index_map);
  numbers.set_index_vector_dim(dims.index_vector_dim);
  append_all(*instruction.mutable_gather_slice_sizes(), slice_sizes);
  return state_->append(std::move(instruction), {operand, indices});
}

Op Builder::gather_rows(Op table, Op indices) {
  GatherDims dims{.collapsed_slice_dims = {0},
                  .start_index_map = {0},
                  .index_vector_dim = shape(indices).rank()};
  Dims sizes = shape(table).dims;
  if (!sizes.empty()) sizes[0] = 1;
  for (int64_t i = 1; i < shape(table).rank(); ++i) {
    dims.offset_dims.push_back(shape(indices).rank() + i - 1);
  }
  return gather(table, indices, dims, sizes);
}

Op Builder::scatter(Op operand, Op indices, Op updates, const ScatterDims& dims, ScatterKind kind,
                    bool unique) {
  const ElementType type = shape(operand).type;
  Instruction instruction = make_instruction("scatter");
  auto& numbers = *instruction.mutable_scatter_dimension_numbers();
  append_all(*numbers.mutable_update_window_dims(), dims.update_window_dims);
  append_all(*numbers.mutable_inserted_window_dims(), dims.inserted_window_dims);
  append_all(*numbers.mutable_scatter_dims_to_operand_dims(), dims.scatter_dims_to_operand_dims);
  numbers.set_index_vector_dim(dims.index_vector_dim);
  instruction.set_unique_indices(unique);
  instruction.add_called_computation_ids(
      kind == ScatterKind::add ? state_->reduction(Reduction::add, type)
                               : state_->assignment(type, kind == ScatterKind::assign));
  return state_->append(std::move(instruction), {operand, indices, updates});
}

}  // namespace ix::backend::xla::hlo
