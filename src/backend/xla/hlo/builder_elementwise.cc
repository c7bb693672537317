#include "backend/xla/hlo/builder_state.h"

namespace ix::backend::xla::hlo {
namespace {

// Both operands with one shape: a number becomes a scalar of the other's type, and a scalar is
// broadcast to the other's dims.
std::pair<Op, Op> of_one_shape(Builder& b, BuilderState& state, const char* opcode, Operand a,
                               Operand c) {
  if (a.number() && c.number()) {
    return {state.fail(opcode, "both operands are numbers"), Op()};
  }
  if (state.failed()) return {};
  Op left = a.number() ? b.scalar(b.shape(c.op()).type, *a.number()) : a.op();
  Op right = c.number() ? b.scalar(b.shape(a.op()).type, *c.number()) : c.op();
  if (b.shape(left).rank() == 0) left = b.broadcast(left, b.shape(right).dims);
  if (b.shape(right).rank() == 0) right = b.broadcast(right, b.shape(left).dims);
  return {left, right};
}

const char* direction(Comparison comparison) {
  switch (comparison) {
    case Comparison::eq:
      return "EQ";
    case Comparison::ne:
      return "NE";
    case Comparison::lt:
      return "LT";
    case Comparison::le:
      return "LE";
    case Comparison::gt:
      return "GT";
    case Comparison::ge:
      return "GE";
  }
  return "";
}

}  // namespace

Op Builder::unary(const char* opcode, Op x) {
  return state_->append(make_instruction(opcode), {x});
}

Op Builder::binary(const char* opcode, Operand a, Operand b) {
  const auto [left, right] = of_one_shape(*this, *state_, opcode, a, b);
  return state_->append(make_instruction(opcode), {left, right});
}

Op Builder::convert(Op x, ElementType type) {
  if (shape(x).type == type) return x;
  return state_->append(make_instruction("convert", {type, shape(x).dims}), {x});
}

Op Builder::compare(Comparison comparison, Operand a, Operand b) {
  const auto [left, right] = of_one_shape(*this, *state_, "compare", a, b);
  Instruction instruction = make_instruction("compare");
  instruction.set_comparison_direction(direction(comparison));
  return state_->append(std::move(instruction), {left, right});
}

Op Builder::select(Op condition, Operand on_true, Operand on_false) {
  auto [yes, no] = of_one_shape(*this, *state_, "select", on_true, on_false);
  if (shape(yes).rank() == 0) {
    yes = broadcast(yes, shape(condition).dims);
    no = broadcast(no, shape(condition).dims);
  }
  return state_->append(make_instruction("select"), {condition, yes, no});
}

Op Builder::clamp(Operand low, Op x, Operand high) {
  // XLA's CPU plugins abort on scalar bounds, which HLO would allow.
  const Op lowest = of_one_shape(*this, *state_, "clamp", low, x).first;
  const Op highest = of_one_shape(*this, *state_, "clamp", high, x).first;
  return state_->append(make_instruction("clamp"), {lowest, x, highest});
}

}  // namespace ix::backend::xla::hlo
