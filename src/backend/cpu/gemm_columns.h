// Results of a batch of products put in their places; memory that products share.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/gemm_columns.h"
#include "base/page_buffer.h"
#include "base/result.h"

namespace ix::backend::cpu {

// Rows [row, row + rows) of columns [first, first + width) of C become results[j * stride + r].
void store_columns(const GemmColumns& columns, const float* results, int64_t stride, int64_t first,
                   int64_t width, int64_t row, int64_t rows);

// Memory that a product needs, kept from one to the next. For one product at a time.
class GemmWorkspace {
 public:
  // At least `bytes` > 0, 64-byte aligned; what was there is lost. resource_exhausted without
  // memory.
  Result<std::byte*> reserve(int64_t bytes);

 private:
  PageBuffer buffer_;
};

}  // namespace ix::backend::cpu
