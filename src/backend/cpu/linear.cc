#include "backend/cpu/linear.h"

#include <algorithm>

#include "base/checked_math.h"
#include "quant/dequantize.h"

namespace ix::backend::cpu {
namespace {

constexpr int64_t kPlainRowsPerTask = 16;

// Panels or plain rows that one task takes, and the tasks that makes.
struct Split {
  int64_t units_per_task;
  int64_t tasks;
};

Split split(const Product& product, int64_t n, int threads) {
  const LinearWeight& weight = *product.weight;
  if (!weight.packed) {
    return {kPlainRowsPerTask, ceil_div(weight.rows(), kPlainRowsPerTask)};
  }
  const int64_t panels = weight.packed->panels_per_task(n, threads);
  return {panels, ceil_div(weight.packed->panels(), panels)};
}

// Each row of weights is dequantised once and multiplied with every row of activations.
void run_plain(const Product& product, const VectorKernels& vector, int64_t first, int64_t n,
               std::vector<float>& row_scratch) {
  const quant::TensorView& tensor = product.weight->plain;
  const auto cols = static_cast<size_t>(tensor.cols());
  const size_t row_bytes = tensor.bytes.size() / static_cast<size_t>(tensor.rows());
  const std::span<float> row(row_scratch.data(), cols);
  const int64_t end = std::min(first + kPlainRowsPerTask, tensor.rows());
  for (int64_t r = first; r < end; ++r) {
    const auto source = tensor.bytes.subspan(static_cast<size_t>(r) * row_bytes, row_bytes);
    // load_model() has tried this type and width.
    IX_CHECK(quant::dequantize_row(tensor.type, source, row).ok());
    for (int64_t j = 0; j < n; ++j) {
      product.out[j * product.out_stride + r] =
          vector.dot(product.in + j * product.in_stride, row.data(), tensor.cols());
    }
  }
}

}  // namespace

void run_linear(const LinearStage& stage, const MatrixKernels& matrix, const VectorKernels& vector,
                int64_t n, ThreadPool& pool, std::vector<std::vector<float>>& row_scratch) {
  int64_t tasks = 0;
  for (const Product& product : stage.products) tasks += split(product, n, pool.threads()).tasks;
  pool.run(tasks, [&](int64_t task, int thread) {
    for (const Product& product : stage.products) {
      const Split part = split(product, n, pool.threads());
      if (task >= part.tasks) {
        task -= part.tasks;
        continue;
      }
      const int64_t first = task * part.units_per_task;
      if (product.weight->packed) {
        const PackedMatrix& packed = *product.weight->packed;
        packed.matmul(matrix, first, std::min(first + part.units_per_task, packed.panels()),
                      product.activations, n, product.out, product.out_stride);
      } else {
        run_plain(product, vector, first, n, row_scratch[static_cast<size_t>(thread)]);
      }
      return;
    }
  });
}

}  // namespace ix::backend::cpu
