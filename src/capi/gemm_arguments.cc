#include "capi/gemm_arguments.h"

#include <fmt/format.h>

#include <optional>

#include "base/checked_math.h"

namespace ix::capi {
namespace {

constexpr int64_t kMostElements = int64_t{1} << 44;  // of a matrix
constexpr int64_t kMostBytes = int64_t{1} << 56;     // from its first to its last

Status check_size(std::string_view name, int64_t value) {
  if (value < 0)
    return invalid_argument(fmt::format("{} is {}; it may not be negative", name, value));
  return ok_status();
}

// [rows, cols] elements of `element_bytes`, rows `stride` elements apart.
Status check_extent(std::string_view name, int64_t rows, int64_t cols, int64_t stride,
                    int64_t element_bytes) {
  const std::optional<int64_t> elements = checked_mul(rows, cols);
  const std::optional<int64_t> spread = checked_mul(rows, stride);
  if (!elements || *elements > kMostElements || !spread || *spread > kMostBytes / element_bytes) {
    return invalid_argument(fmt::format("{} [{}, {}] with {} elements from row to row is too large",
                                        name, rows, cols, stride));
  }
  return ok_status();
}

// The leading dimension that `given` (0: dense) means.
Result<int64_t> leading_dimension(std::string_view name, int64_t given, int64_t least) {
  if (given == 0) return least;
  if (given < least) {
    return invalid_argument(
        fmt::format("{} is {}; it must be 0 or at least {}", name, given, least));
  }
  return given;
}

}  // namespace

Status check_pointer(std::string_view name, const void* pointer, size_t alignment) {
  if (pointer == nullptr) return invalid_argument(fmt::format("{} is NULL", name));
  if (reinterpret_cast<uintptr_t>(pointer) % alignment != 0) {
    return invalid_argument(fmt::format("{} is not aligned to {} bytes", name, alignment));
  }
  return ok_status();
}

Result<ix_gemm_options> read_gemm_options(const ix_gemm_options* given) {
  IX_ASSIGN_OR_RETURN(const ix_gemm_options options, read_options("ix_gemm_options", given));
  if (options.precision != IX_PRECISION_EXACT && options.precision != IX_PRECISION_FAST) {
    return invalid_argument(fmt::format(
        "precision is {}; use IX_PRECISION_EXACT or IX_PRECISION_FAST", options.precision));
  }
  if (options.b_transposed != 0 && options.b_transposed != 1) {
    return invalid_argument(fmt::format("b_transposed is {}; use 0 or 1", options.b_transposed));
  }
  return options;
}

Result<BlockMatrix> check_blocks(const ix_block_q4_K* blocks, int64_t rows, int64_t cols,
                                 const ix_gemm_options& options) {
  IX_RETURN_IF_ERROR(check_size("M", rows));
  IX_RETURN_IF_ERROR(check_size("K", cols));
  if (cols % IX_QK_K != 0) {
    return invalid_argument(fmt::format("K is {}; it must be a multiple of {}", cols, IX_QK_K));
  }
  BlockMatrix matrix = {blocks, rows, cols, 0};
  IX_ASSIGN_OR_RETURN(matrix.stride, leading_dimension("lda", options.lda, cols / IX_QK_K));
  IX_RETURN_IF_ERROR(check_extent("the weights of A", rows, cols, cols, 1));
  IX_RETURN_IF_ERROR(check_extent("A", rows, cols / IX_QK_K, matrix.stride, sizeof(ix_block_q4_K)));
  if (rows > 0 && cols > 0) {
    IX_RETURN_IF_ERROR(check_pointer("A", blocks, alignof(ix_block_q4_K)));
  }
  return matrix;
}

Result<CheckedOperands> check_operands(int64_t rows, int64_t n, int64_t cols,
                                       std::span<const ix_fp16* const> b, std::span<float* const> c,
                                       const ix_gemm_options& options) {
  IX_RETURN_IF_ERROR(check_size("N", n));
  CheckedOperands operands;
  backend::GemmLayout& layout = operands.layout;
  layout.n = n;
  layout.b_transposed = options.b_transposed != 0;
  const int64_t b_rows = layout.b_transposed ? n : cols;
  const int64_t b_cols = layout.b_transposed ? cols : n;
  IX_ASSIGN_OR_RETURN(layout.ldb, leading_dimension("ldb", options.ldb, b_cols));
  IX_ASSIGN_OR_RETURN(layout.ldc, leading_dimension("ldc", options.ldc, n));
  IX_RETURN_IF_ERROR(check_extent("B", b_rows, b_cols, layout.ldb, sizeof(ix_fp16)));
  IX_RETURN_IF_ERROR(check_extent("C", rows, n, layout.ldc, sizeof(float)));
  const auto batch_size = static_cast<int64_t>(b.size());
  IX_RETURN_IF_ERROR(check_extent("all columns of the batch", batch_size, n, n, 1));
  for (const ix_fp16* pointer : b) {
    if (n == 0 || cols == 0) break;
    IX_RETURN_IF_ERROR(check_pointer("B", pointer, alignof(ix_fp16)));
  }
  for (float* pointer : c) {
    if (rows == 0 || n == 0) break;
    IX_RETURN_IF_ERROR(check_pointer("C", pointer, alignof(float)));
  }
  operands.batch.reserve(b.size());
  for (size_t i = 0; i < b.size(); ++i) operands.batch.push_back({b[i], c[i]});
  return operands;
}

}  // namespace ix::capi
