#include "backend/xla/weights/column_picker.h"

#include <algorithm>

#include "backend/xla/padding.h"
#include "base/checked_math.h"

namespace ix::backend::xla {

ColumnPicker::ColumnPicker(const SourceMatrix& matrix, std::span<const int32_t> columns)
    : matrix_(matrix), columns_(columns) {
  int64_t lowest = matrix.cols();
  int64_t end = 0;
  for (const int32_t column : columns) {
    if (column == kPad) continue;
    lowest = std::min<int64_t>(lowest, column);
    end = std::max<int64_t>(end, column + 1);
  }
  if (end == 0) return;
  first_ = lowest / matrix.block() * matrix.block();
  blocks_ = static_cast<size_t>(round_up(end - first_, matrix.block()));
  in_order_ = true;
  for (size_t i = 0; i < columns.size(); ++i) {
    in_order_ = in_order_ && columns[i] == lowest + static_cast<int64_t>(i);
  }
}

std::span<const float> ColumnPicker::read(int32_t row, std::span<float> work) const {
  const auto picked = work.subspan(blocks_, columns_.size());
  if (row == kPad || blocks_ == 0) {
    std::fill(picked.begin(), picked.end(), 0.0F);
    return picked;
  }
  const auto floats = work.first(blocks_);
  matrix_.read(row, first_, floats);
  if (in_order_) {
    return floats.subspan(static_cast<size_t>(columns_.front() - first_), columns_.size());
  }
  for (size_t i = 0; i < columns_.size(); ++i) {
    picked[i] = columns_[i] == kPad ? 0.0F : floats[static_cast<size_t>(columns_[i] - first_)];
  }
  return picked;
}

}  // namespace ix::backend::xla
