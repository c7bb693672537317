// Dots, reductions, sorts and what goes between replicas.
#include "backend/xla/hlo/builder_state.h"

namespace ix::backend::xla::hlo {
namespace {

double initial_value(Reduction reduction, ElementType type) {
  if (reduction == Reduction::add) return 0;
  return reduction == Reduction::max ? lowest_value(type) : highest_value(type);
}

void add_all_replicas(Instruction& instruction, int32_t replicas) {
  ix::hlo::ReplicaGroup& group = *instruction.add_replica_groups();
  for (int32_t replica = 0; replica < replicas; ++replica) group.add_replica_ids(replica);
}

}  // namespace

Op Builder::dot(Op lhs, Op rhs, const DotDims& dims, ElementType result) {
  Instruction instruction = make_instruction("dot", {result, {}});
  auto& numbers = *instruction.mutable_dot_dimension_numbers();
  append_all(*numbers.mutable_lhs_contracting_dimensions(), dims.lhs_contracting);
  append_all(*numbers.mutable_rhs_contracting_dimensions(), dims.rhs_contracting);
  append_all(*numbers.mutable_lhs_batch_dimensions(), dims.lhs_batch);
  append_all(*numbers.mutable_rhs_batch_dimensions(), dims.rhs_batch);
  return state_->append(std::move(instruction), {lhs, rhs});
}

Op Builder::matmul(Op x, Op w, ElementType result) {
  return dot(x, w, {.lhs_contracting = {shape(x).rank() - 1}, .rhs_contracting = {0}}, result);
}

Op Builder::reduce(Reduction reduction, Op x, const Dims& dimensions) {
  const ElementType type = shape(x).type;
  Instruction instruction = make_instruction("reduce");
  append_all(*instruction.mutable_dimensions(), dimensions);
  instruction.add_called_computation_ids(state_->reduction(reduction, type));
  return state_->append(std::move(instruction), {x, scalar(type, initial_value(reduction, type))});
}

std::vector<Op> Builder::sort(const std::vector<Op>& operands, int64_t dimension, SortOrder order) {
  std::vector<ElementType> types;
  types.reserve(operands.size());
  for (const Op operand : operands) types.push_back(shape(operand).type);
  Instruction instruction = make_instruction("sort");
  instruction.add_dimensions(dimension);
  instruction.set_is_stable(true);
  instruction.add_called_computation_ids(state_->comparator(order, types));
  const Op sorted = state_->append(std::move(instruction), operands);
  if (operands.size() == 1) return {sorted};
  std::vector<Op> parts;
  for (size_t i = 0; i < operands.size(); ++i) parts.push_back(state_->tuple_element(sorted, i));
  return parts;
}

Op Builder::through_tuple(Op x) {
  return state_->tuple_element(state_->append(make_instruction("tuple"), {x}), 0);
}

Op Builder::replica_id() { return state_->append(make_instruction("replica-id"), {}); }

Op Builder::all_reduce(Reduction reduction, Op x) {
  if (state_->replicas() == 1) return x;
  Instruction instruction = make_instruction("all-reduce");
  add_all_replicas(instruction, state_->replicas());
  instruction.add_called_computation_ids(state_->reduction(reduction, shape(x).type));
  return state_->append(std::move(instruction), {x});
}

Op Builder::all_gather(Op x, int64_t dimension) {
  if (state_->replicas() == 1) return x;
  Instruction instruction = make_instruction("all-gather");
  instruction.add_dimensions(dimension);
  add_all_replicas(instruction, state_->replicas());
  return state_->append(std::move(instruction), {x});
}

}  // namespace ix::backend::xla::hlo
