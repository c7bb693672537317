// Rules of the opcodes whose positions are values.
#include <fmt/format.h>

#include <algorithm>

#include "backend/xla/hlo/shape_rules.h"

namespace ix::backend::xla::hlo {
namespace {

// One scalar index a dimension of `shape`, all of one integer type.
Status check_starts(Operands starts, const Shape& shape) {
  if (static_cast<int64_t>(starts.size()) != shape.rank()) {
    return invalid_argument(fmt::format("{} starts for {}", starts.size(), to_text(shape)));
  }
  for (const ValueShape& start : starts) {
    if (start != starts.front() || array_of(start).rank() != 0 ||
        !is_integer(array_of(start).type)) {
      return invalid_argument(
          fmt::format("a start is {}: starts are integer scalars of one type", to_text(start)));
    }
  }
  return ok_status();
}

Status check_ascending(const char* what, std::span<const int64_t> dimensions, int64_t rank) {
  IX_RETURN_IF_ERROR(check_dimensions(what, dimensions, rank));
  if (std::ranges::is_sorted(dimensions)) return ok_status();
  return invalid_argument(fmt::format("{} dimensions do not ascend", what));
}

bool contains(std::span<const int64_t> dimensions, int64_t dim) {
  return std::ranges::find(dimensions, dim) != dimensions.end();
}

// Indices without the dimension that holds the index vector (which may be absent, then each
// element is a vector of one).
struct IndexVectors {
  std::vector<int64_t> batch_dims;
  int64_t length = 1;
};

Result<IndexVectors> index_vectors(const Shape& indices, int64_t vector_dim) {
  if (!is_integer(indices.type)) {
    return invalid_argument(fmt::format("indices are {}", to_text(indices)));
  }
  if (vector_dim < 0 || vector_dim > indices.rank()) {
    return invalid_argument(
        fmt::format("index vector dimension {} of {}", vector_dim, to_text(indices)));
  }
  IndexVectors vectors{indices.dims, 1};
  if (vector_dim < indices.rank()) {
    vectors.length = indices.dims[vector_dim];
    vectors.batch_dims.erase(vectors.batch_dims.begin() + vector_dim);
  }
  return vectors;
}

Status check_index_map(std::span<const int64_t> map, int64_t length, const Shape& operand) {
  if (static_cast<int64_t>(map.size()) != length) {
    return invalid_argument(
        fmt::format("index vectors of {} for {} indexed dimensions", length, map.size()));
  }
  return check_dimensions("indexed dimension", map, operand.rank());
}

}  // namespace

Result<ValueShape> infer_dynamic_slice(const Instruction& instruction, Operands operands) {
  const Shape& operand = array_of(operands[0]);
  IX_RETURN_IF_ERROR(check_starts(operands.subspan(1), operand));
  const auto& sizes = instruction.dynamic_slice_sizes();
  if (sizes.size() != operand.rank()) {
    return invalid_argument(fmt::format("{} sizes for {}", sizes.size(), to_text(operand)));
  }
  for (int i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 0 || sizes[i] > operand.dims[i]) {
      return invalid_argument(
          fmt::format("size {} of dimension {} of {}", sizes[i], i, to_text(operand)));
    }
  }
  return ValueShape::array({operand.type, {sizes.begin(), sizes.end()}});
}

Result<ValueShape> infer_dynamic_update_slice(const Instruction&, Operands operands) {
  const Shape& operand = array_of(operands[0]);
  const Shape& update = array_of(operands[1]);
  IX_RETURN_IF_ERROR(check_starts(operands.subspan(2), operand));
  bool fits = update.type == operand.type && update.rank() == operand.rank();
  for (int64_t i = 0; fits && i < operand.rank(); ++i) fits = update.dims[i] <= operand.dims[i];
  if (!fits) {
    return invalid_argument(
        fmt::format("an update of {} does not fit {}", to_text(update), to_text(operand)));
  }
  return operands[0];
}

Result<ValueShape> infer_gather(const Instruction& instruction, Operands operands) {
  const Shape& operand = array_of(operands[0]);
  const auto& numbers = instruction.gather_dimension_numbers();
  const auto& sizes = instruction.gather_slice_sizes();
  if (numbers.operand_batching_dims_size() > 0 || numbers.start_indices_batching_dims_size() > 0) {
    return unsupported("batching dimensions of gather");
  }
  IX_ASSIGN_OR_RETURN(const IndexVectors vectors,
                      index_vectors(array_of(operands[1]), numbers.index_vector_dim()));
  IX_RETURN_IF_ERROR(check_index_map(span_of(numbers.start_index_map()), vectors.length, operand));
  IX_RETURN_IF_ERROR(
      check_ascending("collapsed", span_of(numbers.collapsed_slice_dims()), operand.rank()));
  if (sizes.size() != operand.rank()) {
    return invalid_argument(fmt::format("{} slice sizes for {}", sizes.size(), to_text(operand)));
  }
  std::vector<int64_t> window;
  for (int i = 0; i < sizes.size(); ++i) {
    const bool collapsed = contains(span_of(numbers.collapsed_slice_dims()), i);
    if (sizes[i] < 0 || sizes[i] > operand.dims[i] || (collapsed && sizes[i] != 1)) {
      return invalid_argument(fmt::format("slice size {} of {}dimension {} of {}", sizes[i],
                                          collapsed ? "collapsed " : "", i, to_text(operand)));
    }
    if (!collapsed) window.push_back(sizes[i]);
  }
  if (numbers.offset_dims_size() != static_cast<int>(window.size())) {
    return invalid_argument(fmt::format("{} offset dimensions for a window of {}",
                                        numbers.offset_dims_size(), window.size()));
  }
  const auto rank = static_cast<int64_t>(window.size() + vectors.batch_dims.size());
  IX_RETURN_IF_ERROR(check_ascending("offset", span_of(numbers.offset_dims()), rank));
  Shape result{operand.type, {}};
  auto next_batch = vectors.batch_dims.begin();
  auto next_window = window.begin();
  for (int64_t i = 0; i < rank; ++i) {
    result.dims.push_back(contains(span_of(numbers.offset_dims()), i) ? *next_window++
                                                                      : *next_batch++);
  }
  return ValueShape::array(std::move(result));
}

Result<ValueShape> infer_scatter(const Instruction& instruction, Operands operands) {
  const Shape& operand = array_of(operands[0]);
  const Shape& updates = array_of(operands[2]);
  const auto& numbers = instruction.scatter_dimension_numbers();
  if (numbers.input_batching_dims_size() > 0 || numbers.scatter_indices_batching_dims_size() > 0) {
    return unsupported("batching dimensions of scatter");
  }
  IX_ASSIGN_OR_RETURN(const IndexVectors vectors,
                      index_vectors(array_of(operands[1]), numbers.index_vector_dim()));
  IX_RETURN_IF_ERROR(
      check_index_map(span_of(numbers.scatter_dims_to_operand_dims()), vectors.length, operand));
  IX_RETURN_IF_ERROR(
      check_ascending("inserted", span_of(numbers.inserted_window_dims()), operand.rank()));
  IX_RETURN_IF_ERROR(
      check_ascending("update window", span_of(numbers.update_window_dims()), updates.rank()));
  const auto batch_rank = static_cast<int64_t>(vectors.batch_dims.size());
  bool fits =
      updates.type == operand.type &&
      updates.rank() == numbers.update_window_dims_size() + batch_rank &&
      operand.rank() == numbers.update_window_dims_size() + numbers.inserted_window_dims_size();
  int64_t operand_dim = 0;
  auto next_batch = vectors.batch_dims.begin();
  for (int64_t i = 0; fits && i < updates.rank(); ++i) {
    if (!contains(span_of(numbers.update_window_dims()), i)) {
      fits = updates.dims[i] == *next_batch++;
      continue;
    }
    while (contains(span_of(numbers.inserted_window_dims()), operand_dim)) ++operand_dim;
    fits = updates.dims[i] <= operand.dims[operand_dim++];
  }
  if (!fits) {
    return invalid_argument(fmt::format("updates {} at {} do not fit {}", to_text(updates),
                                        to_text(operands[1]), to_text(operand)));
  }
  return operands[0];
}

}  // namespace ix::backend::xla::hlo
