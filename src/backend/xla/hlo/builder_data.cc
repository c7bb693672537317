// Values from nothing, and the operations that move elements without computing.
#include <fmt/format.h>

#include "backend/xla/hlo/builder_state.h"

namespace ix::backend::xla::hlo {
namespace {

// A constant whose literal has the layout that XLA asks for.
Instruction make_constant(const Shape& shape) {
  Instruction instruction = make_instruction("constant", shape);
  *instruction.mutable_literal()->mutable_shape() = to_proto(shape);
  return instruction;
}

bool holds(const Shape& shape, size_t values) {
  return element_count(shape) == static_cast<int64_t>(values);
}

}  // namespace

Op Builder::scalar(ElementType type, double value) { return state_->scalar(type, value); }

Op Builder::full(const Shape& shape, double value) {
  return broadcast(scalar(shape.type, value), shape.dims);
}

Op Builder::constant(const Dims& dims, std::span<const float> values) {
  const Shape shape{ElementType::f32, dims};
  if (!holds(shape, values.size())) {
    return state_->fail("constant", fmt::format("{} values for {}", values.size(), to_text(shape)));
  }
  Instruction instruction = make_constant(shape);
  instruction.mutable_literal()->mutable_f32s()->Add(values.begin(), values.end());
  return state_->append(std::move(instruction), {});
}

Op Builder::constant(const Dims& dims, std::span<const int32_t> values) {
  const Shape shape{ElementType::s32, dims};
  if (!holds(shape, values.size())) {
    return state_->fail("constant", fmt::format("{} values for {}", values.size(), to_text(shape)));
  }
  Instruction instruction = make_constant(shape);
  instruction.mutable_literal()->mutable_s32s()->Add(values.begin(), values.end());
  return state_->append(std::move(instruction), {});
}

Op Builder::iota(const Shape& shape, int64_t dimension) {
  Instruction instruction = make_instruction("iota", shape);
  instruction.add_dimensions(dimension);
  return state_->append(std::move(instruction), {});
}

Op Builder::broadcast(Op x, const Dims& dims, const Dims& dimensions) {
  if (dims == shape(x).dims && dimensions.empty()) return x;
  Instruction instruction = make_instruction("broadcast", {shape(x).type, dims});
  append_all(*instruction.mutable_dimensions(), dimensions);
  return state_->append(std::move(instruction), {x});
}

Op Builder::reshape(Op x, const Dims& dims) {
  if (dims == shape(x).dims) return x;
  return state_->append(make_instruction("reshape", {shape(x).type, dims}), {x});
}

Op Builder::transpose(Op x, const Dims& permutation) {
  Instruction instruction = make_instruction("transpose");
  append_all(*instruction.mutable_dimensions(), permutation);
  return state_->append(std::move(instruction), {x});
}

Op Builder::reverse(Op x, const Dims& dimensions) {
  Instruction instruction = make_instruction("reverse");
  append_all(*instruction.mutable_dimensions(), dimensions);
  return state_->append(std::move(instruction), {x});
}

Op Builder::concatenate(const std::vector<Op>& parts, int64_t dimension) {
  if (parts.size() == 1) return parts.front();
  Instruction instruction = make_instruction("concatenate");
  instruction.add_dimensions(dimension);
  return state_->append(std::move(instruction), parts);
}

Op Builder::slice(Op x, const Dims& starts, const Dims& limits, const Dims& strides) {
  if (starts.size() != limits.size() || (!strides.empty() && strides.size() != starts.size())) {
    return state_->fail("slice", "starts, limits and strides differ in number");
  }
  Instruction instruction = make_instruction("slice");
  for (size_t i = 0; i < starts.size(); ++i) {
    auto& bounds = *instruction.add_slice_dimensions();
    bounds.set_start(starts[i]);
    bounds.set_limit(limits[i]);
    bounds.set_stride(strides.empty() ? 1 : strides[i]);
  }
  return state_->append(std::move(instruction), {x});
}

Op Builder::slice_in_dim(Op x, int64_t dimension, int64_t start, int64_t limit) {
  Dims starts(shape(x).dims.size(), 0);
  Dims limits = shape(x).dims;
  if (x.index < 0) return x;
  if (dimension < 0 || dimension >= shape(x).rank()) {
    return state_->fail("slice",
                        fmt::format("no dimension {} in {}", dimension, to_text(shape(x))));
  }
  starts[dimension] = start;
  limits[dimension] = limit;
  return slice(x, starts, limits);
}

Op Builder::pad(Op x, Operand value, const Dims& low, const Dims& high) {
  if (low.size() != high.size()) return state_->fail("pad", "low and high edges differ in number");
  Instruction instruction = make_instruction("pad");
  for (size_t i = 0; i < low.size(); ++i) {
    auto& edges = *instruction.mutable_padding_config()->add_dimensions();
    edges.set_edge_padding_low(low[i]);
    edges.set_edge_padding_high(high[i]);
  }
  const Op padding = value.number() ? scalar(shape(x).type, *value.number()) : value.op();
  return state_->append(std::move(instruction), {x, padding});
}

}  // namespace ix::backend::xla::hlo
