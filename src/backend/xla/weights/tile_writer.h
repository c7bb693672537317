// A row-major array [rows, cols] made tile by tile, where each column of a tile is filled at once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "backend/xla/runtime.h"

namespace ix::backend::xla {

// Elements of type T; a tile is [rows, cols] at (row, col) of the array.
template <typename T>
class TileWriter {
 public:
  TileWriter(Upload& upload, int64_t array_cols) : upload_(upload), array_cols_(array_cols) {}

  void begin(int64_t row, int64_t rows, int64_t col, int64_t cols) {
    row_ = row;
    rows_ = rows;
    col_ = col;
    cols_ = cols;
    tile_.resize(static_cast<size_t>(rows * cols));
  }

  // Element (row, col) of the tile.
  T& at(int64_t row, int64_t col) { return tile_[static_cast<size_t>(row * cols_ + col)]; }

  Status write() {
    const auto bytes = std::as_bytes(std::span<const T>(tile_));
    if (cols_ == array_cols_) return upload_.write(offset(row_), bytes);
    const auto row_bytes = static_cast<size_t>(cols_) * sizeof(T);
    for (int64_t row = 0; row < rows_; ++row) {
      IX_RETURN_IF_ERROR(upload_.write(
          offset(row_ + row), bytes.subspan(static_cast<size_t>(row) * row_bytes, row_bytes)));
    }
    return ok_status();
  }

 private:
  int64_t offset(int64_t row) const {
    return (row * array_cols_ + col_) * static_cast<int64_t>(sizeof(T));
  }

  Upload& upload_;
  int64_t array_cols_;
  int64_t row_ = 0;
  int64_t rows_ = 0;
  int64_t col_ = 0;
  int64_t cols_ = 0;
  std::vector<T> tile_;
};

}  // namespace ix::backend::xla
