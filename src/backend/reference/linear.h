// y = x W^T + bias, every output a dot product of its own.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/reference/weights.h"
#include "base/thread_pool.h"

namespace ix::backend::reference {

// Where a run of output columns goes: column c of row r is out[r * width + c].
struct LinearOutput {
  float* out;
  int64_t width;
};

// Rows of weights that a thread dequantises at a time and uses for all rows of x.
inline constexpr int64_t kLinearTileRows = 8;

// x [rows, matrix.cols()]; bias [matrix.rows()] or empty; the outputs' widths add up to
// matrix.rows(). scratch: one buffer a thread of the pool, each of kLinearTileRows * matrix.cols()
// or more.
void run_linear(const Matrix& matrix, const std::vector<float>& bias, const float* x, int64_t rows,
                const std::vector<LinearOutput>& outputs, ThreadPool& pool,
                std::vector<std::vector<float>>& scratch);

}  // namespace ix::backend::reference
