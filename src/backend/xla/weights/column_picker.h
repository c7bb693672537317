// Reads chosen columns of the rows of a tensor.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/xla/weights/source_matrix.h"

namespace ix::backend::xla {

// The columns of one tile: those that `columns` names (kPad: zero), as few blocks of a row as hold
// them all. Safe from several threads.
class ColumnPicker {
 public:
  ColumnPicker(const SourceMatrix& matrix, std::span<const int32_t> columns);

  // Floats that read() works in.
  size_t floats_needed() const { return blocks_ + columns_.size(); }
  // [columns] of a row, somewhere in work; row kPad gives zeros.
  std::span<const float> read(int32_t row, std::span<float> work) const;

 private:
  const SourceMatrix& matrix_;
  std::span<const int32_t> columns_;
  int64_t first_ = 0;      // column of the blocks read
  size_t blocks_ = 0;      // columns of them; 0 where all that is wanted is padding
  bool in_order_ = false;  // what is wanted lies in one run
};

}  // namespace ix::backend::xla
