#include "backend/reference/linear.h"

#include <algorithm>
#include <array>
#include <span>

#include "backend/reference/dot.h"
#include "base/checked_math.h"

namespace ix::backend::reference {
namespace {

// First element and stride of output column `column` over all parts.
struct Column {
  float* first;
  int64_t stride;
};

Column find_column(const std::vector<LinearOutput>& outputs, int64_t column) {
  for (const LinearOutput& output : outputs) {
    if (column < output.width) return {output.out + column, output.width};
    column -= output.width;
  }
  return {nullptr, 0};
}

}  // namespace

void run_linear(const Matrix& matrix, const std::vector<float>& bias, const float* x, int64_t rows,
                const std::vector<LinearOutput>& outputs, ThreadPool& pool,
                std::vector<std::vector<float>>& scratch) {
  const int64_t cols = matrix.cols();
  pool.run(ceil_div(matrix.rows(), kLinearTileRows), [&](int64_t tile, int thread) {
    float* weights = scratch[static_cast<size_t>(thread)].data();  // [tile rows, cols]
    const int64_t begin = tile * kLinearTileRows;
    const int64_t count = std::min(kLinearTileRows, matrix.rows() - begin);
    std::array<Column, kLinearTileRows> columns;
    for (int64_t i = 0; i < count; ++i) {
      matrix.read_row(begin + i, std::span(weights + i * cols, static_cast<size_t>(cols)));
      columns[static_cast<size_t>(i)] = find_column(outputs, begin + i);
    }
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t i = 0; i < count; ++i) {
        const float offset = bias.empty() ? 0.0F : bias[static_cast<size_t>(begin + i)];
        const Column column = columns[static_cast<size_t>(i)];
        column.first[row * column.stride] = dot(x + row * cols, weights + i * cols, cols) + offset;
      }
    }
  });
}

}  // namespace ix::backend::reference
