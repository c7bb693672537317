// Reads chosen columns of the rows of a tensor.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/xla/weights/source_matrix.h"

namespace ix::backend::xla {

// The columns of one tile: those that `columns` names (kPad: zero), as few blocks of a row as hold
// them all.
class ColumnPicker {
 public:
  ColumnPicker(const SourceMatrix& matrix, std::span<const int32_t> columns);

  // out [columns]; row kPad gives zeros.
  void read(int32_t row, std::span<float> out);

 private:
  const SourceMatrix& matrix_;
  std::span<const int32_t> columns_;
  int64_t first_ = 0;          // of the blocks read
  std::vector<float> floats_;  // of the blocks; empty where all columns are padding
};

}  // namespace ix::backend::xla
