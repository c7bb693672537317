#include "backend/xla/hlo/shape_inference.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include "backend/xla/hlo/shape_rules.h"

namespace ix::backend::xla::hlo {
namespace {

constexpr int kAnyNumber = std::numeric_limits<int>::max();

Result<ValueShape> infer_written(const Instruction& instruction, Operands) {
  IX_ASSIGN_OR_RETURN(Shape shape, written_array(instruction));
  return ValueShape::array(std::move(shape));
}

Result<ValueShape> infer_same(const Instruction&, Operands operands) { return operands[0]; }

Result<ValueShape> infer_replica_id(const Instruction&, Operands) {
  return ValueShape::array({ElementType::u32, {}});
}

Result<ValueShape> infer_tuple(const Instruction&, Operands operands) {
  ValueShape result{true, {}};
  for (const ValueShape& operand : operands) result.parts.push_back(array_of(operand));
  return result;
}

struct Rule {
  std::string_view opcode;
  int min_operands;
  int max_operands;
  Result<ValueShape> (*infer)(const Instruction&, Operands);
};

constexpr auto kRules = std::to_array<Rule>({
    {"abs", 1, 1, infer_unary},
    {"add", 2, 2, infer_binary},
    {"all-gather", 1, 1, infer_all_gather},
    {"all-reduce", 1, 1, infer_all_reduce},
    {"and", 2, 2, infer_binary},
    {"broadcast", 1, 1, infer_broadcast},
    {"ceil", 1, 1, infer_unary},
    {"clamp", 3, 3, infer_clamp},
    {"compare", 2, 2, infer_compare},
    {"concatenate", 1, kAnyNumber, infer_concatenate},
    {"constant", 0, 0, infer_written},
    {"convert", 1, 1, infer_convert},
    {"copy", 1, 1, infer_same},
    {"cosine", 1, 1, infer_unary},
    {"divide", 2, 2, infer_binary},
    {"dot", 2, 2, infer_dot},
    {"dynamic-slice", 1, kAnyNumber, infer_dynamic_slice},
    {"dynamic-update-slice", 2, kAnyNumber, infer_dynamic_update_slice},
    {"exponential", 1, 1, infer_unary},
    {"floor", 1, 1, infer_unary},
    {"gather", 2, 2, infer_gather},
    {"iota", 0, 0, infer_iota},
    {"log", 1, 1, infer_unary},
    {"logistic", 1, 1, infer_unary},
    {"maximum", 2, 2, infer_binary},
    {"minimum", 2, 2, infer_binary},
    {"multiply", 2, 2, infer_binary},
    {"negate", 1, 1, infer_unary},
    {"not", 1, 1, infer_unary},
    {"or", 2, 2, infer_binary},
    {"pad", 2, 2, infer_pad},
    {"parameter", 0, 0, infer_written},
    {"power", 2, 2, infer_binary},
    {"reduce", 2, kAnyNumber, infer_reduce},
    {"remainder", 2, 2, infer_binary},
    {"replica-id", 0, 0, infer_replica_id},
    {"reshape", 1, 1, infer_reshape},
    {"reverse", 1, 1, infer_reverse},
    {"round-nearest-even", 1, 1, infer_unary},
    {"rsqrt", 1, 1, infer_unary},
    {"scatter", 3, 3, infer_scatter},
    {"select", 3, 3, infer_select},
    {"shift-left", 2, 2, infer_binary},
    {"shift-right-arithmetic", 2, 2, infer_binary},
    {"shift-right-logical", 2, 2, infer_binary},
    {"sign", 1, 1, infer_unary},
    {"sine", 1, 1, infer_unary},
    {"slice", 1, 1, infer_slice},
    {"sort", 1, kAnyNumber, infer_sort},
    {"sqrt", 1, 1, infer_unary},
    {"subtract", 2, 2, infer_binary},
    {"tanh", 1, 1, infer_unary},
    {"transpose", 1, 1, infer_transpose},
    {"tuple", 0, kAnyNumber, infer_tuple},
    {"xor", 2, 2, infer_binary},
});
static_assert(std::ranges::is_sorted(kRules, {}, &Rule::opcode));

Result<ValueShape> infer_get_tuple_element(const Instruction& instruction, Operands operands) {
  if (operands.size() != 1 || !operands[0].tuple) return invalid_argument("takes one tuple");
  const int64_t index = instruction.tuple_index();
  if (index < 0 || index >= static_cast<int64_t>(operands[0].parts.size())) {
    return invalid_argument(fmt::format("index {} is outside {}", index, to_text(operands[0])));
  }
  return ValueShape::array(operands[0].parts[index]);
}

}  // namespace

Result<ValueShape> infer_shape(const Instruction& instruction, Operands operands) {
  if (instruction.opcode() == "get-tuple-element") {
    return infer_get_tuple_element(instruction, operands);
  }
  const auto* rule = std::ranges::lower_bound(kRules, instruction.opcode(), {}, &Rule::opcode);
  if (rule == kRules.end() || rule->opcode != instruction.opcode()) {
    return unsupported(fmt::format("no shape rule for {}", instruction.opcode()));
  }
  const auto count = static_cast<int64_t>(operands.size());
  if (count < rule->min_operands || count > rule->max_operands) {
    return invalid_argument(fmt::format("has {} operands", count));
  }
  for (const ValueShape& operand : operands) {
    if (operand.tuple) return invalid_argument("an operand is a tuple");
  }
  return rule->infer(instruction, operands);
}

Status check_dimensions(const char* what, std::span<const int64_t> dimensions, int64_t rank) {
  std::vector<bool> seen(static_cast<size_t>(rank), false);
  for (const int64_t dim : dimensions) {
    if (dim < 0 || dim >= rank) {
      return invalid_argument(fmt::format("{} {} is outside rank {}", what, dim, rank));
    }
    if (seen[dim]) return invalid_argument(fmt::format("{} {} comes twice", what, dim));
    seen[dim] = true;
  }
  return ok_status();
}

Result<Shape> written_array(const Instruction& instruction) {
  IX_ASSIGN_OR_RETURN(ValueShape shape, from_proto(instruction.shape()));
  if (shape.tuple) return invalid_argument("the result is a tuple");
  return array_of(shape);
}

}  // namespace ix::backend::xla::hlo
