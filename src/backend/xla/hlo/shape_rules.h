// The rules behind infer_shape, a family of opcodes a file. Operands are arrays, as many as the
// table of shape_inference.cc says.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "backend/xla/hlo/shape_inference.h"

namespace ix::backend::xla::hlo {

using Instruction = ix::hlo::HloInstructionProto;
using Operands = std::span<const ValueShape>;

inline const Shape& array_of(const ValueShape& value) { return value.parts.front(); }

inline std::span<const int64_t> span_of(const google::protobuf::RepeatedField<int64_t>& field) {
  return {field.data(), static_cast<size_t>(field.size())};
}

// ok when every value is in [0, rank) and none comes twice.
Status check_dimensions(const char* what, std::span<const int64_t> dimensions, int64_t rank);

// The shape written in the instruction, which must be an array.
Result<Shape> written_array(const Instruction& instruction);

// shape_rules_elementwise.cc
Result<ValueShape> infer_unary(const Instruction& instruction, Operands operands);
Result<ValueShape> infer_binary(const Instruction& instruction, Operands operands);
Result<ValueShape> infer_compare(const Instruction& instruction, Operands operands);
Result<ValueShape> infer_select(const Instruction& instruction, Operands operands);
Result<ValueShape> infer_clamp(const Instruction& instruction, Operands operands);
Result<ValueShape> infer_convert(const Instruction& instruction, Operands operands);

// shape_rules_layout.cc
Result<ValueShape> infer_iota(const Instruction& instruction, Operands operands);
Result<ValueShape> infer_broadcast(const Instruction& instruction, Operands operands);
Result<ValueShape> infer_reshape(const Instruction& instruction, Operands operands);
Result<ValueShape> infer_transpose(const Instruction& instruction, Operands operands);
Result<ValueShape> infer_reverse(const Instruction& instruction, Operands operands);
Result<ValueShape> infer_concatenate(const Instruction& instruction, Operands operands);
Result<ValueShape> infer_slice(const Instruction& instruction, Operands operands);
Result<ValueShape> infer_pad(const Instruction& instruction, Operands operands);

// shape_rules_contraction.cc
Result<ValueShape> infer_dot(const Instruction& instruction, Operands operands);
Result<ValueShape> infer_reduce(const Instruction& instruction, Operands operands);
Result<ValueShape> infer_sort(const Instruction& instruction, Operands operands);
Result<ValueShape> infer_all_reduce(const Instruction& instruction, Operands operands);
Result<ValueShape> infer_all_gather(const Instruction& instruction, Operands operands);

// shape_rules_indexing.cc
Result<ValueShape> infer_dynamic_slice(const Instruction& instruction, Operands operands);
Result<ValueShape> infer_dynamic_update_slice(const Instruction& instruction, Operands operands);
Result<ValueShape> infer_gather(const Instruction& instruction, Operands operands);
Result<ValueShape> infer_scatter(const Instruction& instruction, Operands operands);

}  // namespace ix::backend::xla::hlo
