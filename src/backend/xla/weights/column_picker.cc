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
  floats_.resize(static_cast<size_t>(round_up(end - first_, matrix.block())));
}

void ColumnPicker::read(int32_t row, std::span<float> out) {
  if (row == kPad || floats_.empty()) {
    std::fill(out.begin(), out.end(), 0.0F);
    return;
  }
  matrix_.read(row, first_, floats_);
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = columns_[i] == kPad ? 0.0F : floats_[static_cast<size_t>(columns_[i] - first_)];
  }
}

}  // namespace ix::backend::xla
