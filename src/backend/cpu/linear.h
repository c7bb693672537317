// Products with weights: packed panels, or the plain path for what has no panel form.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backend/cpu/kernels/matrix_kernels.h"
#include "backend/cpu/kernels/vector_kernels.h"
#include "backend/cpu/packed_matrix.h"
#include "base/thread_pool.h"
#include "quant/weight_source.h"

namespace ix::backend::cpu {

// W [rows, cols] of one part of a linear: packed, or as in the file.
struct LinearWeight {
  std::optional<PackedMatrix> packed;
  quant::TensorView plain;  // where packed is empty

  int64_t rows() const { return packed ? packed->rows() : plain.rows(); }
  int64_t cols() const { return packed ? packed->cols() : plain.cols(); }
};

// One product: out = in W^T.
struct Product {
  const LinearWeight* weight;
  const uint8_t* activations;  // for packed weights: n rows of their kind
  const float* in;             // [rows, in_stride], for plain ones
  int64_t in_stride;
  float* out;  // [rows, out_stride]
  int64_t out_stride;
};

// Products that read the same value; their panels are spread over the pool together.
struct LinearStage {
  std::vector<Product> products;
};

// Working memory of run_linear, one of each a thread.
struct LinearScratch {
  // matmul_memory: threads × matmul_bytes, which outlive this.
  LinearScratch(int threads, int64_t widest_row, std::byte* matmul_memory, int64_t matmul_bytes);

  std::vector<std::vector<float>> rows;  // for a plain row of weights
  std::vector<std::byte*> matmul;        // for packed ones
  std::vector<ThreadPool::Ahead> ahead;
};

// n rows through all products of a stage. Threads that wait fetch the first weights of `next`.
void run_linear(const LinearStage& stage, const LinearStage& next, const MatrixKernels& matrix,
                const VectorKernels& vector, int64_t n, ThreadPool& pool, LinearScratch& scratch);

}  // namespace ix::backend::cpu
