#include "backend/reference/weights.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/checked_math.h"
#include "quant/dequantize.h"

namespace ix::backend::reference {

Result<Matrix> Matrix::open(const quant::WeightSource& weights, const std::string& name,
                            int64_t rows, int64_t cols) {
  Matrix matrix;
  IX_ASSIGN_OR_RETURN(matrix.view_, weights.find(name));
  const quant::TensorView& view = matrix.view_;
  if (view.cols() != cols || view.rows() != rows) {
    return corrupt(fmt::format("tensor {} is [{}, {}], expected [{}, {}]", name, view.rows(),
                               view.cols(), rows, cols));
  }
  const quant::TypeTraits* traits = quant::find_traits(view.type);
  if (traits == nullptr || !traits->dequantizable) {
    return unsupported(fmt::format("tensor {} has type {}, which the reference backend cannot read",
                                   name, quant::type_name(view.type)));
  }
  auto row_bytes = quant::row_bytes(view.type, cols);
  if (!row_bytes.ok()) return row_bytes.status().with_context(fmt::format("tensor {}", name));
  const auto bytes = checked_mul(*row_bytes, rows);
  if (!bytes || static_cast<uint64_t>(*bytes) != view.bytes.size()) {
    return corrupt(fmt::format("tensor {} has {} bytes, expected {} rows of {}", name,
                               view.bytes.size(), rows, *row_bytes));
  }
  matrix.row_bytes_ = static_cast<size_t>(*row_bytes);
  return matrix;
}

void Matrix::read_row(int64_t row, std::span<float> out) const {
  const auto bytes = view_.bytes.subspan(static_cast<size_t>(row) * row_bytes_, row_bytes_);
  IX_CHECK(quant::dequantize_row(view_.type, bytes, out).ok());  // open() has checked the type
}

Result<std::vector<float>> read_vector(const quant::WeightSource& weights, const std::string& name,
                                       int64_t size) {
  IX_ASSIGN_OR_RETURN(const Matrix matrix, Matrix::open(weights, name, 1, size));
  std::vector<float> values(static_cast<size_t>(size));
  matrix.read_row(0, values);
  return values;
}

}  // namespace ix::backend::reference
