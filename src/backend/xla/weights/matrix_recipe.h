// What one rank holds of a tensor, and in which form.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "backend/xla/runtime.h"
#include "backend/xla/weights/weight_form.h"
#include "base/result.h"
#include "quant/weight_source.h"

namespace ix::backend::xla {

// A weight w[in, out] of one rank, from a tensor [rows, cols] = [out, in] of the file. in and out
// name a column and a row of the tensor for each index; kPad (-1) stands for zeros.
struct MatrixRecipe {
  std::string tensor;
  int64_t rows;
  int64_t cols;
  std::vector<int32_t> in;
  std::vector<int32_t> out;
  WeightForm form;
};

// Dequantises the tensor in blocks, transposes them and writes them to `pieces`, which are those of
// weight_pieces(), on every CPU; then gives the tensor's pages back. Host memory does not grow with
// the tensor: about 10 MB. Errors name the tensor; f16 refuses values beyond its range, int8 and
// f16 values that are no numbers.
Status stream_matrix(const MatrixRecipe& recipe, const quant::WeightSource& source,
                     std::span<Upload* const> pieces);

// Whether q4 can hold the tensor as this recipe cuts it: 4-bit blocks of a type whose parts of 32
// weights have one scale, none of them cut.
Result<bool> fits_q4(const MatrixRecipe& recipe, const quant::WeightSource& source);

}  // namespace ix::backend::xla
