#include "backend/cpu/gemm_fast.h"

#include <algorithm>

#include "base/checked_math.h"

namespace ix::backend::cpu {
namespace {

// Columns that one task quantises together: a cache line of B.
constexpr int kGroup = 32;
constexpr int64_t kDepth = 256;  // rows of B that are turned at a time
// Results [columns, rows] that wait to be turned into C.
constexpr int64_t kResultBytes = int64_t{64} << 20;
constexpr int64_t kMostColumns = 512;
constexpr int64_t kRowsOfTask = 256;

// Floats of a thread: kGroup columns, and what of B is turned.
int64_t scratch_floats(int64_t cols) { return kGroup * cols + kDepth * kGroup; }

// Columns [column, column + count) of B, widened: [count, cols] floats.
void widen_columns(const ExactKernels& exact, const GemmLayout& layout,
                   const GemmOperands& operands, int64_t column, int count, int64_t cols,
                   float* out, float* turned) {
  if (layout.b_transposed || layout.ldb == 1) {
    for (int j = 0; j < count; ++j) {
      exact.widen(operands.b + (column + j) * layout.ldb, cols, out + j * cols);
    }
    return;
  }
  for (int64_t first = 0; first < cols; first += kDepth) {
    const int64_t depth = std::min(kDepth, cols - first);
    const uint16_t* b = operands.b + first * layout.ldb + column;
    for (int64_t k = 0; k < depth; ++k) exact.widen(b + k * layout.ldb, count, turned + k * kGroup);
    for (int j = 0; j < count; ++j) {
      for (int64_t k = 0; k < depth; ++k) out[j * cols + first + k] = turned[k * kGroup + j];
    }
  }
}

}  // namespace

Status gemm_fast(const MatrixKernels& matrix, const ExactKernels& exact, const PackedMatrix& a,
                 const GemmLayout& layout, std::span<const GemmOperands> batch, ThreadPool& pool,
                 GemmWorkspace& workspace) {
  const GemmColumns columns(layout, batch);
  const QuantizeFn quantize = matrix.quantize[static_cast<int>(a.activation())];
  const int64_t fitting =
      std::clamp<int64_t>(kResultBytes / (a.rows() * int64_t{sizeof(float)}), kGroup, kMostColumns);
  const int64_t most = std::min(fitting, columns.count());
  // One column without gaps is what the kernel writes.
  const bool direct = columns.count() == 1 && layout.ldc == 1;

  const int64_t quantized_bytes =
      round_up<int64_t>(activation_bytes(a.activation(), a.cols(), most), 64);
  const int64_t result_bytes =
      direct ? 0 : round_up<int64_t>(most * a.rows() * int64_t{sizeof(float)}, 64);
  const int64_t scratch_bytes =
      round_up<int64_t>(scratch_floats(a.cols()) * int64_t{sizeof(float)}, 64);
  const int64_t thread_bytes = scratch_bytes + matrix.scratch_bytes;
  IX_ASSIGN_OR_RETURN(std::byte* const memory, workspace.reserve(quantized_bytes + result_bytes +
                                                                 thread_bytes * pool.threads()));
  auto* const quantized = reinterpret_cast<uint8_t*>(memory);
  std::byte* const scratch = memory + quantized_bytes + result_bytes;
  std::byte* const matmul_scratch = scratch + scratch_bytes * pool.threads();
  float* const results = direct ? batch[0].c : reinterpret_cast<float*>(memory + quantized_bytes);

  for (int64_t first = 0; first < columns.count(); first += most) {
    const int64_t n = std::min(most, columns.count() - first);
    pool.run(ceil_div<int64_t>(n, kGroup), [&](int64_t group, int thread) {
      auto* floats = reinterpret_cast<float*>(scratch + thread * scratch_bytes);
      const int64_t begin = group * kGroup;
      columns.for_each_run(
          first + begin, std::min<int64_t>(kGroup, n - begin),
          [&](const GemmOperands& operands, int64_t column, int64_t at, int64_t run) {
            widen_columns(exact, layout, operands, column, static_cast<int>(run), a.cols(), floats,
                          floats + kGroup * a.cols());
            for (int64_t j = 0; j < run; ++j) {
              quantize_row(quantize, a.activation(), floats + j * a.cols(), a.cols(),
                           begin + at + j, n, quantized);
            }
          });
    });
    a.matmul(matrix, pool, quantized, n, results, a.rows(), matmul_scratch);
    if (direct) continue;
    pool.run(ceil_div(a.rows(), kRowsOfTask), [&](int64_t task, int /*thread*/) {
      const int64_t row = task * kRowsOfTask;
      store_columns(columns, results + row, a.rows(), first, n, row,
                    std::min(kRowsOfTask, a.rows() - row));
    });
  }
  return ok_status();
}

}  // namespace ix::backend::cpu
