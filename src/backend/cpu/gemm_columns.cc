#include "backend/cpu/gemm_columns.h"

#include <algorithm>

namespace ix::backend::cpu {

void store_columns(const GemmColumns& columns, const float* results, int64_t stride, int64_t first,
                   int64_t width, int64_t row, int64_t rows) {
  constexpr int64_t kLine = 16;  // floats of a cache line of C, written together
  const int64_t ldc = columns.layout().ldc;
  columns.for_each_run(first, width,
                       [&](const GemmOperands& operands, int64_t column, int64_t at, int64_t run) {
                         const float* from = results + at * stride;
                         float* to = operands.c + row * ldc + column;
                         for (int64_t begin = 0; begin < run; begin += kLine) {
                           const int64_t end = std::min(begin + kLine, run);
                           for (int64_t r = 0; r < rows; ++r) {
                             for (int64_t j = begin; j < end; ++j)
                               to[r * ldc + j] = from[j * stride + r];
                           }
                         }
                       });
}

Result<std::byte*> GemmWorkspace::reserve(int64_t bytes) {
  if (static_cast<uint64_t>(bytes) > buffer_.size()) {
    IX_ASSIGN_OR_RETURN(buffer_, PageBuffer::allocate(static_cast<uint64_t>(bytes)));
  }
  return buffer_.data();
}

}  // namespace ix::backend::cpu
