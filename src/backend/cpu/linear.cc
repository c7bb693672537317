#include "backend/cpu/linear.h"

#include <algorithm>

#include "base/checked_math.h"
#include "quant/dequantize.h"

namespace ix::backend::cpu {
namespace {

constexpr int64_t kPlainRowsPerTask = 16;
// Of the next weights, fetched while threads wait for each other and for what lies between
// products: some microseconds of a core's share of the memory, and a small part of its second-level
// cache.
constexpr int64_t kAheadBytes = int64_t{128} << 10;

// Panels or plain rows that one task takes, and the tasks that makes.
struct Split {
  int64_t units_per_task;
  int64_t tasks;
};

Split split(const Product& product, const MatrixKernels& matrix, int64_t n, int threads) {
  const LinearWeight& weight = *product.weight;
  if (!weight.packed) {
    return {kPlainRowsPerTask, ceil_div(weight.rows(), kPlainRowsPerTask)};
  }
  const int64_t panels = weight.packed->panels_per_task(matrix, n, threads);
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

int64_t task_count(const LinearStage& stage, const MatrixKernels& matrix, int64_t n, int threads) {
  int64_t tasks = 0;
  for (const Product& product : stage.products) tasks += split(product, matrix, n, threads).tasks;
  return tasks;
}

// What task `task` of a stage computes: units [first, end) of a product.
struct Part {
  const Product& product;
  int64_t first;
  int64_t end;  // may lie behind the product's last
};

Part part_of(const LinearStage& stage, const MatrixKernels& matrix, int64_t task, int64_t n,
             int threads) {
  for (const Product& product : stage.products) {
    const Split each = split(product, matrix, n, threads);
    if (task < each.tasks) {
      return {product, task * each.units_per_task, (task + 1) * each.units_per_task};
    }
    task -= each.tasks;
  }
  IX_CHECK(false);
}

// The first packed weights that each thread of a pool will read, where it takes its own share.
void find_ahead(const LinearStage& stage, const MatrixKernels& matrix, int64_t n,
                std::span<ThreadPool::Ahead> ahead) {
  const auto threads = static_cast<int>(ahead.size());
  const int64_t tasks = task_count(stage, matrix, n, threads);
  for (int t = 0; t < threads; ++t) {
    const Part part = part_of(stage, matrix, t * tasks / threads, n, threads);
    ThreadPool::Ahead& mine = ahead[static_cast<size_t>(t)];
    mine = {};
    if (!part.product.weight->packed) continue;
    const auto panels = part.product.weight->packed->panels_from(part.first);
    mine = {panels.data(), std::min(kAheadBytes, static_cast<int64_t>(panels.size()))};
  }
}

}  // namespace

LinearScratch::LinearScratch(int threads, int64_t widest_row, std::byte* matmul_memory,
                             int64_t matmul_bytes)
    : rows(static_cast<size_t>(threads), std::vector<float>(static_cast<size_t>(widest_row))),
      ahead(static_cast<size_t>(threads)) {
  matmul.reserve(static_cast<size_t>(threads));
  for (int t = 0; t < threads; ++t) matmul.push_back(matmul_memory + t * matmul_bytes);
}

void run_linear(const LinearStage& stage, const LinearStage& next, const MatrixKernels& matrix,
                const VectorKernels& vector, int64_t n, ThreadPool& pool, LinearScratch& scratch) {
  find_ahead(next, matrix, n, scratch.ahead);
  pool.run(
      task_count(stage, matrix, n, pool.threads()),
      [&](int64_t task, int thread) {
        const auto [product, first, end] = part_of(stage, matrix, task, n, pool.threads());
        if (!product.weight->packed) {
          run_plain(product, vector, first, n, scratch.rows[static_cast<size_t>(thread)]);
          return;
        }
        const PackedMatrix& packed = *product.weight->packed;
        packed.matmul(matrix, first, std::min(end, packed.panels()), product.activations, n,
                      product.out, product.out_stride, scratch.matmul[static_cast<size_t>(thread)]);
      },
      scratch.ahead);
}

}  // namespace ix::backend::cpu
