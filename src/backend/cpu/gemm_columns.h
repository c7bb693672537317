// B and C of a batch of products with one A, as one row of columns; memory that products share.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/page_buffer.h"
#include "base/result.h"

namespace ix::backend::cpu {

// B and C of one product of a batch. Not owned.
struct GemmOperands {
  const uint16_t* b;  // halves [cols, n], ldb apart; transposed [n, cols]
  float* c;           // [rows, n], ldc apart
};

// The shape of B and C, one for a whole batch.
struct GemmLayout {
  int64_t n = 0;
  int64_t ldb = 0;
  int64_t ldc = 0;
  bool b_transposed = false;
};

// Column j of the batch is column j % n of product j / n.
class GemmColumns {
 public:
  GemmColumns(const GemmLayout& layout, std::span<const GemmOperands> batch)
      : layout_(layout), batch_(batch) {}

  const GemmLayout& layout() const { return layout_; }
  std::span<const GemmOperands> batch() const { return batch_; }
  int64_t count() const { return static_cast<int64_t>(batch_.size()) * layout_.n; }

  // Calls f(operands, column of them, its distance from `first`, columns) for each product that
  // columns [first, first + width) touch.
  template <typename F>
  void for_each_run(int64_t first, int64_t width, F f) const {
    for (int64_t at = 0; at < width;) {
      const int64_t column = (first + at) % layout_.n;
      const int64_t run = std::min(width - at, layout_.n - column);
      f(batch_[static_cast<size_t>((first + at) / layout_.n)], column, at, run);
      at += run;
    }
  }

  // Rows [row, row + rows) of columns [first, first + width) of C become results[j * stride + r].
  void store(const float* results, int64_t stride, int64_t first, int64_t width, int64_t row,
             int64_t rows) const;

 private:
  GemmLayout layout_;
  std::span<const GemmOperands> batch_;
};

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
