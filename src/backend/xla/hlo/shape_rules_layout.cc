// Rules of the opcodes that make or move elements without computing.
#include <fmt/format.h>

#include <algorithm>

#include "backend/xla/hlo/shape_rules.h"
#include "base/checked_math.h"

namespace ix::backend::xla::hlo {

Result<ValueShape> infer_iota(const Instruction& instruction, Operands) {
  IX_ASSIGN_OR_RETURN(Shape shape, written_array(instruction));
  if (instruction.dimensions_size() != 1) return invalid_argument("has one dimension");
  IX_RETURN_IF_ERROR(
      check_dimensions("dimension", span_of(instruction.dimensions()), shape.rank()));
  if (shape.type == ElementType::pred) return invalid_argument("makes numbers, not pred");
  return ValueShape::array(std::move(shape));
}

Result<ValueShape> infer_broadcast(const Instruction& instruction, Operands operands) {
  const Shape& operand = array_of(operands[0]);
  IX_ASSIGN_OR_RETURN(const Shape written, written_array(instruction));
  if (instruction.dimensions_size() != operand.rank()) {
    return invalid_argument(fmt::format("{} dimensions for an operand of {}",
                                        instruction.dimensions_size(), to_text(operand)));
  }
  IX_RETURN_IF_ERROR(
      check_dimensions("dimension", span_of(instruction.dimensions()), written.rank()));
  for (int64_t i = 0; i < operand.rank(); ++i) {
    const int64_t into = instruction.dimensions(static_cast<int>(i));
    if (i > 0 && into < instruction.dimensions(static_cast<int>(i) - 1)) {
      return invalid_argument("dimensions do not ascend");
    }
    if (written.dims[into] != operand.dims[i]) {
      return invalid_argument(fmt::format("dimension {} of {} does not fit dimension {} of {}", i,
                                          to_text(operand), into, to_text(written)));
    }
  }
  return ValueShape::array({operand.type, written.dims});
}

Result<ValueShape> infer_reshape(const Instruction& instruction, Operands operands) {
  const Shape& operand = array_of(operands[0]);
  IX_ASSIGN_OR_RETURN(const Shape written, written_array(instruction));
  if (element_count(written) != element_count(operand)) {
    return invalid_argument(
        fmt::format("{} has not as many elements as {}", to_text(written), to_text(operand)));
  }
  return ValueShape::array({operand.type, written.dims});
}

Result<ValueShape> infer_transpose(const Instruction& instruction, Operands operands) {
  const Shape& operand = array_of(operands[0]);
  if (instruction.dimensions_size() != operand.rank()) {
    return invalid_argument(
        fmt::format("a permutation of {} for {}", instruction.dimensions_size(), to_text(operand)));
  }
  IX_RETURN_IF_ERROR(
      check_dimensions("dimension", span_of(instruction.dimensions()), operand.rank()));
  Shape result{operand.type, {}};
  for (const int64_t from : instruction.dimensions()) result.dims.push_back(operand.dims[from]);
  return ValueShape::array(std::move(result));
}

Result<ValueShape> infer_reverse(const Instruction& instruction, Operands operands) {
  IX_RETURN_IF_ERROR(check_dimensions("dimension", span_of(instruction.dimensions()),
                                      array_of(operands[0]).rank()));
  return operands[0];
}

Result<ValueShape> infer_concatenate(const Instruction& instruction, Operands operands) {
  Shape result = array_of(operands[0]);
  if (instruction.dimensions_size() != 1) return invalid_argument("has one dimension");
  IX_RETURN_IF_ERROR(
      check_dimensions("dimension", span_of(instruction.dimensions()), result.rank()));
  const int64_t along = instruction.dimensions(0);
  for (const ValueShape& operand : operands.subspan(1)) {
    Shape part = array_of(operand);
    if (part.rank() != result.rank()) return invalid_argument("operands differ in rank");
    const std::optional<int64_t> extent = checked_add(result.dims[along], part.dims[along]);
    if (!extent) return invalid_argument("the extent overflows");
    result.dims[along] = part.dims[along] = *extent;
    if (part != result) {
      return invalid_argument(fmt::format("{} does not fit {} along dimension {}", to_text(operand),
                                          to_text(operands[0]), along));
    }
  }
  return ValueShape::array(std::move(result));
}

Result<ValueShape> infer_slice(const Instruction& instruction, Operands operands) {
  Shape result = array_of(operands[0]);
  if (instruction.slice_dimensions_size() != result.rank()) {
    return invalid_argument(
        fmt::format("{} bounds for {}", instruction.slice_dimensions_size(), to_text(result)));
  }
  for (int64_t i = 0; i < result.rank(); ++i) {
    const auto& bounds = instruction.slice_dimensions(static_cast<int>(i));
    if (bounds.start() < 0 || bounds.limit() < bounds.start() || bounds.limit() > result.dims[i] ||
        bounds.stride() < 1) {
      return invalid_argument(fmt::format("bounds [{}:{}:{}] of dimension {} of {}", bounds.start(),
                                          bounds.limit(), bounds.stride(), i,
                                          to_text(operands[0])));
    }
    result.dims[i] = ceil_div(bounds.limit() - bounds.start(), bounds.stride());
  }
  return ValueShape::array(std::move(result));
}

Result<ValueShape> infer_pad(const Instruction& instruction, Operands operands) {
  Shape result = array_of(operands[0]);
  if (array_of(operands[1]) != Shape{result.type, {}}) {
    return invalid_argument(fmt::format("the padding of {} is {}, not a scalar of its type",
                                        to_text(result), to_text(operands[1])));
  }
  if (instruction.padding_config().dimensions_size() != result.rank()) {
    return invalid_argument(fmt::format("edges of {} dimensions for {}",
                                        instruction.padding_config().dimensions_size(),
                                        to_text(result)));
  }
  // Edges and interiors of 2^40 elements are no array; below that the sum cannot wrap.
  constexpr int64_t kMost = int64_t{1} << 40;
  for (int64_t i = 0; i < result.rank(); ++i) {
    const auto& edges = instruction.padding_config().dimensions(static_cast<int>(i));
    const int64_t between = std::max<int64_t>(result.dims[i] - 1, 0);
    const std::optional<int64_t> interior = checked_mul(between, edges.interior_padding());
    const bool sane = interior && *interior >= 0 && *interior < kMost &&
                      edges.interior_padding() >= 0 && result.dims[i] < kMost &&
                      std::max(edges.edge_padding_low(), edges.edge_padding_high()) < kMost &&
                      std::min(edges.edge_padding_low(), edges.edge_padding_high()) > -kMost;
    if (sane) {
      result.dims[i] += *interior + edges.edge_padding_low() + edges.edge_padding_high();
    }
    if (!sane || result.dims[i] < 0) {
      return invalid_argument(fmt::format("edges {}, {} and interior {} of dimension {} of {}",
                                          edges.edge_padding_low(), edges.edge_padding_high(),
                                          edges.interior_padding(), i, to_text(operands[0])));
    }
  }
  return ValueShape::array(std::move(result));
}

}  // namespace ix::backend::xla::hlo
