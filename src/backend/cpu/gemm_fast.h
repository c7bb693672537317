// The fast product C = A B: A packed as it is quantised, B in FP16, quantised to 8 bits a column.
// An element's bits are the same whatever N, the batch and the threads.
#pragma once

#include <span>

#include "backend/cpu/gemm_columns.h"
#include "backend/cpu/kernels/gemm_exact_kernels.h"
#include "backend/cpu/kernels/matrix_kernels.h"
#include "backend/cpu/packed_matrix.h"
#include "base/result.h"
#include "base/thread_pool.h"

namespace ix::backend::cpu {

// All products of a batch with one A; both tables are of one instruction set. Nothing is written to
// any C on an error, which can only be resource_exhausted. Arguments are the caller's to check, as
// those of gemm_exact().
Status gemm_fast(const MatrixKernels& matrix, const ExactKernels& exact, const PackedMatrix& a,
                 const GemmLayout& layout, std::span<const GemmOperands> batch, ThreadPool& pool,
                 GemmWorkspace& workspace);

}  // namespace ix::backend::cpu
