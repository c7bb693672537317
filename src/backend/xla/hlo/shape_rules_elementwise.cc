#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "backend/xla/hlo/shape_rules.h"

namespace ix::backend::xla::hlo {
namespace {

bool is_pred_or_integer(ElementType type) { return !is_float(type); }
bool is_number(ElementType type) { return type != ElementType::pred; }

struct AllowedTypes {
  bool (*allows)(ElementType);
  const char* text;
};

AllowedTypes allowed_types(std::string_view opcode) {
  static constexpr auto kBitwise = std::to_array<std::string_view>({"and", "not", "or", "xor"});
  static constexpr auto kNumbers = std::to_array<std::string_view>(
      {"add", "divide", "maximum", "minimum", "multiply", "power", "remainder", "subtract"});
  static constexpr auto kSigned = std::to_array<std::string_view>({"abs", "negate", "sign"});
  if (std::ranges::find(kBitwise, opcode) != kBitwise.end()) {
    return {is_pred_or_integer, "pred or integers"};
  }
  if (std::ranges::find(kNumbers, opcode) != kNumbers.end()) return {is_number, "numbers"};
  if (std::ranges::find(kSigned, opcode) != kSigned.end()) return {is_signed, "signed numbers"};
  if (opcode.starts_with("shift-")) return {is_integer, "integers"};
  return {is_float, "floats"};
}

Status check_type(std::string_view opcode, const Shape& shape) {
  const AllowedTypes allowed = allowed_types(opcode);
  if (allowed.allows(shape.type)) return ok_status();
  return invalid_argument(fmt::format("takes {}, not {}", allowed.text, to_text(shape.type)));
}

Status check_same(const Shape& a, const Shape& b) {
  if (a == b) return ok_status();
  return invalid_argument(
      fmt::format("operands {} and {} differ (nothing is broadcast)", to_text(a), to_text(b)));
}

}  // namespace

Result<ValueShape> infer_unary(const Instruction& instruction, Operands operands) {
  IX_RETURN_IF_ERROR(check_type(instruction.opcode(), array_of(operands[0])));
  return operands[0];
}

Result<ValueShape> infer_binary(const Instruction& instruction, Operands operands) {
  IX_RETURN_IF_ERROR(check_same(array_of(operands[0]), array_of(operands[1])));
  IX_RETURN_IF_ERROR(check_type(instruction.opcode(), array_of(operands[0])));
  return operands[0];
}

Result<ValueShape> infer_compare(const Instruction& instruction, Operands operands) {
  IX_RETURN_IF_ERROR(check_same(array_of(operands[0]), array_of(operands[1])));
  static constexpr auto kDirections =
      std::to_array<std::string_view>({"EQ", "NE", "LT", "LE", "GT", "GE"});
  if (std::ranges::find(kDirections, instruction.comparison_direction()) == kDirections.end()) {
    return invalid_argument(
        fmt::format("comparison direction \"{}\"", instruction.comparison_direction()));
  }
  return ValueShape::array({ElementType::pred, array_of(operands[0]).dims});
}

Result<ValueShape> infer_select(const Instruction&, Operands operands) {
  const Shape& condition = array_of(operands[0]);
  IX_RETURN_IF_ERROR(check_same(array_of(operands[1]), array_of(operands[2])));
  if (condition != Shape{ElementType::pred, array_of(operands[1]).dims}) {
    return invalid_argument(fmt::format("the condition is {} for values of {}", to_text(condition),
                                        to_text(operands[1])));
  }
  return operands[1];
}

Result<ValueShape> infer_clamp(const Instruction&, Operands operands) {
  IX_RETURN_IF_ERROR(check_same(array_of(operands[0]), array_of(operands[1])));
  IX_RETURN_IF_ERROR(check_same(array_of(operands[1]), array_of(operands[2])));
  if (!is_number(array_of(operands[1]).type)) return invalid_argument("takes numbers, not pred");
  return operands[1];
}

Result<ValueShape> infer_convert(const Instruction& instruction, Operands operands) {
  IX_ASSIGN_OR_RETURN(const Shape written, written_array(instruction));
  return ValueShape::array({written.type, array_of(operands[0]).dims});
}

}  // namespace ix::backend::xla::hlo
