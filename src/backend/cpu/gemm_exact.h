// The exact product C = A B: A in Q4_K, rounded to FP16; B in FP16; sums and C in FP32.
//
// An element of C is one chain of fused multiply-adds, ascending in k, so that
//   |C - A B| <= gamma(K) |A| |B|, gamma(K) = K u / (1 - K u), u = 2^-24
// (products of halves neither overflow nor underflow), and its bits are the same whatever N, the
// batch, the threads and whether A was packed before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "backend/cpu/gemm_columns.h"
#include "backend/cpu/kernels/gemm_exact_kernels.h"
#include "base/page_buffer.h"
#include "base/result.h"
#include "base/thread_pool.h"

namespace ix::backend::cpu {

// A [rows, cols / 256] Q4_K blocks, row_bytes apart. Not owned.
struct Q4KRows {
  const std::byte* blocks = nullptr;
  int64_t row_bytes = 0;
  int64_t rows = 0;
  int64_t cols = 0;  // a multiple of 256
};

// A dequantised to FP16, in panels of 32 rows. Immutable after pack(); any thread may read it.
class HalfMatrix {
 public:
  HalfMatrix() = default;

  // rows, cols > 0. resource_exhausted without memory for 2 bytes a weight.
  static Result<HalfMatrix> pack(const ExactKernels& kernels, const Q4KRows& a, ThreadPool& pool);

  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  int64_t bytes() const { return static_cast<int64_t>(data_.size()); }
  // Columns [256 block, 256 block + 256) of rows [32 panel, 32 panel + 32): [256, 32].
  const uint16_t* panel(int64_t panel, int64_t block) const;

 private:
  int64_t rows_ = 0;
  int64_t cols_ = 0;
  PageBuffer data_;
};

// All products of a batch with one A. Nothing is written to any C on an error, which can only be
// resource_exhausted. Arguments are the caller's to check: sizes > 0 and their products far from
// wrapping, leading dimensions at least a row, no output overlapping an input.
Status gemm_exact(const ExactKernels& kernels, const Q4KRows& a, const GemmLayout& layout,
                  std::span<const GemmOperands> batch, ThreadPool& pool, GemmWorkspace& workspace);
Status gemm_exact(const ExactKernels& kernels, const HalfMatrix& a, const GemmLayout& layout,
                  std::span<const GemmOperands> batch, ThreadPool& pool, GemmWorkspace& workspace);

}  // namespace ix::backend::cpu
