// The arguments of a product, checked: what the C functions take to what the backend wants.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "backend/gemm_columns.h"
#include "base/result.h"
#include "capi/options.h"
#include "ix/ix.h"

namespace ix::capi {

template <>
struct FieldEnds<ix_gemm_options> {
  static constexpr size_t kEnds[] = {
      offsetof(ix_gemm_options, precision), offsetof(ix_gemm_options, b_transposed),
      offsetof(ix_gemm_options, lda),       offsetof(ix_gemm_options, ldb),
      offsetof(ix_gemm_options, ldc),       sizeof(ix_gemm_options)};
};

// Neither null nor unaligned.
Status check_pointer(std::string_view name, const void* pointer, size_t alignment);

// A [rows, cols / 256] blocks. Not owned.
struct BlockMatrix {
  const ix_block_q4_K* blocks = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;  // blocks
};

// A with its leading dimension of the options; sizes that overflow, null and unaligned are refused.
Result<BlockMatrix> check_blocks(const ix_block_q4_K* blocks, int64_t rows, int64_t cols,
                                 const ix_gemm_options& options);

// B [cols, n] and C [rows, n] of every product of a batch.
struct CheckedOperands {
  backend::GemmLayout layout;
  std::vector<backend::GemmOperands> batch;
};
Result<CheckedOperands> check_operands(int64_t rows, int64_t n, int64_t cols,
                                       std::span<const ix_fp16* const> b, std::span<float* const> c,
                                       const ix_gemm_options& options);

// precision and b_transposed in range.
Result<ix_gemm_options> read_gemm_options(const ix_gemm_options* given);

}  // namespace ix::capi
