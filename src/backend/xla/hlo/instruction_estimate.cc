#include "backend/xla/hlo/instruction_estimate.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <limits>
#include <map>
#include <span>
#include <string_view>

#include "backend/xla/hlo/hlo.pb.h"
#include "backend/xla/hlo/parse_module.h"
#include "backend/xla/hlo/shape_inference.h"
#include "backend/xla/hlo/value_shape.h"
#include "base/checked_math.h"

namespace ix::backend::xla::hlo {
namespace {

constexpr int64_t kPartitions = 128;
constexpr int64_t kFreeElements = 512;
constexpr int64_t kFreeBytes = 2048;

constexpr auto kNone = std::to_array<std::string_view>(
    {"constant", "get-tuple-element", "parameter", "reshape", "tuple"});
constexpr auto kMoves = std::to_array<std::string_view>(
    {"all-gather", "all-reduce", "broadcast", "concatenate", "copy", "dynamic-slice",
     "dynamic-update-slice", "gather", "pad", "reverse", "scatter", "slice", "transpose"});

template <size_t N>
bool is_one_of(const std::array<std::string_view, N>& opcodes, const std::string& opcode) {
  return std::ranges::find(opcodes, opcode) != opcodes.end();
}

// Dimensions that infer_shape has taken: each is there once.
int64_t product(const google::protobuf::RepeatedField<int64_t>& dimensions, const Shape& shape) {
  int64_t count = 1;
  for (const int64_t dim : dimensions) count *= shape.dims[dim];
  return count;
}

int64_t saturated(std::initializer_list<int64_t> factors) {
  int64_t result = 1;
  for (const int64_t factor : factors) {
    result = checked_mul(result, factor).value_or(std::numeric_limits<int64_t>::max());
  }
  return result;
}

int64_t dot_tiles(const ix::hlo::HloInstructionProto& dot, const Shape& lhs, const Shape& rhs) {
  const auto& dims = dot.dot_dimension_numbers();
  const int64_t batch = product(dims.lhs_batch_dimensions(), lhs);
  const int64_t k = product(dims.lhs_contracting_dimensions(), lhs);
  if (batch == 0 || k == 0) return 0;
  const int64_t m = element_count(lhs) / (batch * k);
  const int64_t n = element_count(rhs) / (batch * k);
  return saturated({batch, ceil_div(k, kPartitions), ceil_div(std::min(m, n), kPartitions),
                    ceil_div(std::max(m, n), kFreeElements)});
}

// Of one instruction whose operands and attributes fit.
void count(const ix::hlo::HloInstructionProto& instruction, const ValueShape& result,
           std::span<const ValueShape> operands, InstructionEstimate& estimate) {
  const std::string& opcode = instruction.opcode();
  int64_t elements = 0;
  int64_t bytes = 0;
  for (const Shape& part : result.parts) {
    elements = std::max(elements, element_count(part));
    bytes = std::max(bytes, byte_size(part));
  }
  if (opcode == "dot") {
    const int64_t tiles =
        dot_tiles(instruction, operands[0].parts.front(), operands[1].parts.front());
    estimate.tensor = checked_add(estimate.tensor, tiles).value_or(estimate.tensor);
  } else if (opcode == "dynamic-update-slice") {
    // In place: the update alone is moved.
    estimate.memory += ceil_div(byte_size(operands[1].parts.front()), kPartitions * kFreeBytes);
  } else if (is_one_of(kMoves, opcode)) {
    estimate.memory += ceil_div(bytes, kPartitions * kFreeBytes);
  } else if (!is_one_of(kNone, opcode)) {
    for (const ValueShape& operand : operands) {
      for (const Shape& part : operand.parts) elements = std::max(elements, element_count(part));
    }
    estimate.vector += ceil_div(elements, kPartitions * kFreeElements);
  }
}

}  // namespace

InstructionEstimate estimate_instructions(const ix::hlo::HloModuleProto& module) {
  InstructionEstimate estimate;
  for (const auto& computation : module.computations()) {
    if (computation.id() != module.entry_computation_id()) continue;
    std::map<int64_t, ValueShape> shapes;  // by id
    for (const auto& instruction : computation.instructions()) {
      const Result<ValueShape> shape = from_proto(instruction.shape());
      if (!shape.ok()) continue;
      shapes[instruction.id()] = *shape;
      std::vector<ValueShape> operands;
      for (const int64_t id : instruction.operand_ids()) {
        if (const auto known = shapes.find(id); known != shapes.end()) {
          operands.push_back(known->second);
        }
      }
      if (!infer_shape(instruction, operands).ok()) continue;
      count(instruction, *shape, operands, estimate);
    }
  }
  return estimate;
}

Result<InstructionEstimate> estimate_instructions(std::string_view bytes) {
  IX_ASSIGN_OR_RETURN(const auto module, parse_module(bytes));
  return estimate_instructions(module);
}

}  // namespace ix::backend::xla::hlo
