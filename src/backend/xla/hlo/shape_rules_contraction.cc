// Rules of dot, of the opcodes with a computation of their own, and of the collectives.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "backend/xla/hlo/replica_groups.h"
#include "backend/xla/hlo/shape_rules.h"
#include "base/checked_math.h"

namespace ix::backend::xla::hlo {
namespace {

Status check_pairs(const char* what, const Shape& lhs, std::span<const int64_t> lhs_dims,
                   const Shape& rhs, std::span<const int64_t> rhs_dims) {
  if (lhs_dims.size() != rhs_dims.size()) {
    return invalid_argument(fmt::format("{} {} dimensions on the left, {} on the right",
                                        lhs_dims.size(), what, rhs_dims.size()));
  }
  for (size_t i = 0; i < lhs_dims.size(); ++i) {
    if (lhs.dims[lhs_dims[i]] != rhs.dims[rhs_dims[i]]) {
      return invalid_argument(fmt::format("{} dimensions {} of {} and {} of {} differ", what,
                                          lhs_dims[i], to_text(lhs), rhs_dims[i], to_text(rhs)));
    }
  }
  return ok_status();
}

// The dimensions of a side that are neither batch nor contracted, appended to `result`.
Status append_free(const Shape& side, std::span<const int64_t> batch,
                   std::span<const int64_t> contracted, std::vector<int64_t>& result) {
  std::vector<int64_t> taken(batch.begin(), batch.end());
  taken.insert(taken.end(), contracted.begin(), contracted.end());
  IX_RETURN_IF_ERROR(check_dimensions("dimension", taken, side.rank()));
  for (int64_t i = 0; i < side.rank(); ++i) {
    if (std::ranges::find(taken, i) == taken.end()) result.push_back(side.dims[i]);
  }
  return ok_status();
}

}  // namespace

Result<ValueShape> infer_dot(const Instruction& instruction, Operands operands) {
  const Shape& lhs = array_of(operands[0]);
  const Shape& rhs = array_of(operands[1]);
  const auto& dims = instruction.dot_dimension_numbers();
  IX_ASSIGN_OR_RETURN(const Shape written, written_array(instruction));
  if (lhs.type == ElementType::pred || rhs.type == ElementType::pred ||
      written.type == ElementType::pred) {
    return invalid_argument("takes and gives numbers, not pred");
  }
  std::vector<int64_t> lhs_free;
  std::vector<int64_t> rhs_free;
  IX_RETURN_IF_ERROR(append_free(lhs, span_of(dims.lhs_batch_dimensions()),
                                 span_of(dims.lhs_contracting_dimensions()), lhs_free)
                         .with_context("left"));
  IX_RETURN_IF_ERROR(append_free(rhs, span_of(dims.rhs_batch_dimensions()),
                                 span_of(dims.rhs_contracting_dimensions()), rhs_free)
                         .with_context("right"));
  IX_RETURN_IF_ERROR(check_pairs("batch", lhs, span_of(dims.lhs_batch_dimensions()), rhs,
                                 span_of(dims.rhs_batch_dimensions())));
  IX_RETURN_IF_ERROR(check_pairs("contracted", lhs, span_of(dims.lhs_contracting_dimensions()), rhs,
                                 span_of(dims.rhs_contracting_dimensions())));
  Shape result{written.type, {}};
  for (const int64_t dim : dims.lhs_batch_dimensions()) result.dims.push_back(lhs.dims[dim]);
  result.dims.insert(result.dims.end(), lhs_free.begin(), lhs_free.end());
  result.dims.insert(result.dims.end(), rhs_free.begin(), rhs_free.end());
  return ValueShape::array(std::move(result));
}

Result<ValueShape> infer_reduce(const Instruction& instruction, Operands operands) {
  if (operands.size() % 2 != 0) return invalid_argument("has no initial value for each operand");
  const size_t count = operands.size() / 2;
  const Shape& first = array_of(operands[0]);
  IX_RETURN_IF_ERROR(
      check_dimensions("dimension", span_of(instruction.dimensions()), first.rank()));
  const auto& removed = instruction.dimensions();
  ValueShape result{count > 1, {}};
  for (size_t i = 0; i < count; ++i) {
    const Shape& operand = array_of(operands[i]);
    if (operand.dims != first.dims) {
      return invalid_argument(
          fmt::format("operands {} and {} differ in extents", to_text(first), to_text(operand)));
    }
    if (array_of(operands[count + i]) != Shape{operand.type, {}}) {
      return invalid_argument(fmt::format("the initial value of {} is {}, not a scalar of its type",
                                          to_text(operand), to_text(operands[count + i])));
    }
    Shape reduced{operand.type, {}};
    for (int64_t dim = 0; dim < operand.rank(); ++dim) {
      if (std::ranges::find(removed, dim) == removed.end())
        reduced.dims.push_back(operand.dims[dim]);
    }
    result.parts.push_back(std::move(reduced));
  }
  return result;
}

Result<ValueShape> infer_sort(const Instruction& instruction, Operands operands) {
  const Shape& keys = array_of(operands[0]);
  if (instruction.dimensions_size() != 1) return invalid_argument("has one dimension");
  IX_RETURN_IF_ERROR(check_dimensions("dimension", span_of(instruction.dimensions()), keys.rank()));
  ValueShape result{operands.size() > 1, {}};
  for (const ValueShape& operand : operands) {
    if (array_of(operand).dims != keys.dims) {
      return invalid_argument(
          fmt::format("operands {} and {} differ in extents", to_text(keys), to_text(operand)));
    }
    result.parts.push_back(array_of(operand));
  }
  return result;
}

Result<ValueShape> infer_all_reduce(const Instruction& instruction, Operands operands) {
  IX_RETURN_IF_ERROR(group_size(instruction).status());
  if (array_of(operands[0]).type == ElementType::pred) {
    return invalid_argument("takes numbers, not pred");
  }
  return operands[0];
}

Result<ValueShape> infer_all_gather(const Instruction& instruction, Operands operands) {
  Shape result = array_of(operands[0]);
  if (instruction.dimensions_size() != 1) return invalid_argument("has one dimension");
  IX_RETURN_IF_ERROR(
      check_dimensions("dimension", span_of(instruction.dimensions()), result.rank()));
  IX_ASSIGN_OR_RETURN(const int64_t size, group_size(instruction));
  if (size == 0) return unsupported("an all-gather without replica groups");
  const int64_t along = instruction.dimensions(0);
  const std::optional<int64_t> extent = checked_mul(result.dims[along], size);
  if (!extent) return invalid_argument("the extent overflows");
  result.dims[along] = *extent;
  return ValueShape::array(std::move(result));
}

}  // namespace ix::backend::xla::hlo
