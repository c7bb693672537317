#include "backend/xla/weights/source_matrix.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/checked_math.h"
#include "quant/dequantize.h"

namespace ix::backend::xla {

Result<SourceMatrix> SourceMatrix::open(const quant::WeightSource& source, const std::string& name,
                                        int64_t rows, int64_t cols) {
  SourceMatrix matrix;
  matrix.source_ = &source;
  IX_ASSIGN_OR_RETURN(matrix.view_, source.find(name));
  const quant::TensorView& view = matrix.view_;
  if (view.rows() != rows || view.cols() != cols) {
    return corrupt(fmt::format("tensor '{}' is [{}, {}], expected [{}, {}]", name, view.rows(),
                               view.cols(), rows, cols));
  }
  const quant::TypeTraits* traits = quant::find_traits(view.type);
  if (traits == nullptr || !traits->dequantizable) {
    return unsupported(fmt::format("tensor '{}' is of type {}, which is not supported", name,
                                   quant::type_name(view.type)));
  }
  const auto row_bytes = quant::row_bytes(view.type, cols);
  if (!row_bytes.ok()) return row_bytes.status().with_context(fmt::format("tensor '{}'", name));
  const auto bytes = checked_mul(*row_bytes, rows);
  if (!bytes || static_cast<uint64_t>(*bytes) != view.bytes.size()) {
    return corrupt(fmt::format("tensor '{}' has {} bytes, expected {} rows of {}", name,
                               view.bytes.size(), rows, *row_bytes));
  }
  matrix.row_bytes_ = *row_bytes;
  matrix.block_weights_ = traits->block_weights;
  matrix.block_bytes_ = traits->block_bytes;
  return matrix;
}

std::span<const std::byte> SourceMatrix::bytes(int64_t row, int64_t first, int64_t count) const {
  IX_CHECK(first % block_weights_ == 0 && count % block_weights_ == 0);
  const int64_t begin = row * row_bytes_ + first / block_weights_ * block_bytes_;
  const int64_t size = count / block_weights_ * block_bytes_;
  return view_.bytes.subspan(static_cast<size_t>(begin), static_cast<size_t>(size));
}

void SourceMatrix::read(int64_t row, int64_t first, std::span<float> out) const {
  const auto source = bytes(row, first, static_cast<int64_t>(out.size()));
  IX_CHECK(quant::dequantize_row(view_.type, source, out).ok());  // open() has checked the type
}

}  // namespace ix::backend::xla
