// B and C of a batch of products with one A, as one row of columns.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ix::backend {

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

 private:
  GemmLayout layout_;
  std::span<const GemmOperands> batch_;
};

}  // namespace ix::backend
