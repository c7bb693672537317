// A tensor of a model file as a matrix whose rows are read in part.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"
#include "quant/weight_source.h"

namespace ix::backend::xla {

class SourceMatrix {
 public:
  // not_found and corrupt (another shape or size) name the tensor, as does unsupported for a type
  // without a reference. The source outlives the matrix.
  static Result<SourceMatrix> open(const quant::WeightSource& source, const std::string& name,
                                   int64_t rows, int64_t cols);

  int64_t rows() const { return view_.rows(); }
  int64_t cols() const { return view_.cols(); }
  quant::TensorType type() const { return view_.type; }
  // Weights of a block; rows are read in whole blocks.
  int64_t block() const { return block_weights_; }

  // The bytes of columns [first, first + count) of a row; both multiples of block().
  std::span<const std::byte> bytes(int64_t row, int64_t first, int64_t count) const;
  // The same as floats; out.size() = count.
  void read(int64_t row, int64_t first, std::span<float> out) const;

  // The caller will not read it again soon.
  void release() const { source_->release(view_); }

 private:
  const quant::WeightSource* source_ = nullptr;
  quant::TensorView view_;
  int64_t row_bytes_ = 0;
  int64_t block_weights_ = 1;
  int64_t block_bytes_ = 1;
};

}  // namespace ix::backend::xla
