// Vectors and embedding tables of one rank.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/xla/runtime.h"
#include "base/result.h"
#include "quant/weight_source.h"

namespace ix::backend::xla {

// f32 [elements.size()]: a norm's weight or a bias. kPad stands for zero.
struct VectorRecipe {
  std::string tensor;
  int64_t size;  // of the tensor
  std::vector<int32_t> elements;
};

// Rows of embeddings as they lie in the file, bf16 or f32 [rows, cols].
struct TableRecipe {
  std::string tensor;
  int64_t rows;
  int64_t cols;
  hlo::ElementType type = hlo::ElementType::bf16;
};

// Errors name the tensor.
Status stream_vector(const VectorRecipe& recipe, const quant::WeightSource& source, Upload& upload);
Status stream_table(const TableRecipe& recipe, const quant::WeightSource& source, Upload& upload);

// The content of a tensor of `size` numbers.
Result<std::vector<float>> read_vector(const quant::WeightSource& source, const std::string& name,
                                       int64_t size);

}  // namespace ix::backend::xla
