// Weights as the oracle reads them: checked once at open, dequantised a row at a time.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "quant/weight_source.h"

namespace ix::backend::reference {

// A matrix [rows, cols] that stays where it is.
class Matrix {
 public:
  // corrupt when the tensor has another shape or size, unsupported for a type without a reference.
  static Result<Matrix> open(const quant::WeightSource& weights, const std::string& name,
                             int64_t rows, int64_t cols);

  int64_t rows() const { return view_.rows(); }
  int64_t cols() const { return view_.cols(); }

  // out [cols].
  void read_row(int64_t row, std::span<float> out) const;

 private:
  quant::TensorView view_;
  size_t row_bytes_ = 0;
};

// The content of a tensor of `size` weights.
Result<std::vector<float>> read_vector(const quant::WeightSource& weights, const std::string& name,
                                       int64_t size);

}  // namespace ix::backend::reference
