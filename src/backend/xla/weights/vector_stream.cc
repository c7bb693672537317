#include <algorithm>

#include "backend/xla/padding.h"
#include "backend/xla/weights/source_matrix.h"
#include "backend/xla/weights/vector_recipe.h"
#include "base/float16.h"

namespace ix::backend::xla {

Result<std::vector<float>> read_vector(const quant::WeightSource& source, const std::string& name,
                                       int64_t size) {
  IX_ASSIGN_OR_RETURN(const SourceMatrix tensor, SourceMatrix::open(source, name, 1, size));
  std::vector<float> values(static_cast<size_t>(size));
  tensor.read(0, 0, values);
  return values;
}

Status stream_vector(const VectorRecipe& recipe, const quant::WeightSource& source,
                     Upload& upload) {
  IX_ASSIGN_OR_RETURN(const std::vector<float> values,
                      read_vector(source, recipe.tensor, recipe.size));
  std::vector<float> chosen;
  chosen.reserve(recipe.elements.size());
  for (const int32_t element : recipe.elements) {
    chosen.push_back(element == kPad ? 0.0F : values[static_cast<size_t>(element)]);
  }
  return upload.write(0, std::as_bytes(std::span<const float>(chosen)));
}

Status stream_table(const TableRecipe& recipe, const quant::WeightSource& source, Upload& upload) {
  constexpr int64_t kWeightsAtOnce = int64_t{1} << 21;  // 8 MB in float32
  IX_ASSIGN_OR_RETURN(const SourceMatrix matrix,
                      SourceMatrix::open(source, recipe.tensor, recipe.rows, recipe.cols));
  const int64_t rows_at_once = std::max<int64_t>(1, kWeightsAtOnce / recipe.cols);
  std::vector<float> values;
  std::vector<uint16_t> rounded;
  for (int64_t first = 0; first < recipe.rows; first += rows_at_once) {
    const int64_t count = std::min(rows_at_once, recipe.rows - first);
    values.resize(static_cast<size_t>(count * recipe.cols));
    for (int64_t i = 0; i < count; ++i) {
      matrix.read(first + i, 0,
                  std::span(values).subspan(static_cast<size_t>(i * recipe.cols),
                                            static_cast<size_t>(recipe.cols)));
    }
    std::span<const std::byte> bytes = std::as_bytes(std::span<const float>(values));
    if (recipe.type == hlo::ElementType::bf16) {
      rounded.resize(values.size());
      std::transform(values.begin(), values.end(), rounded.begin(), float_to_bfloat16);
      bytes = std::as_bytes(std::span<const uint16_t>(rounded));
    }
    const int64_t row_bytes = recipe.cols * hlo::element_bytes(recipe.type);
    IX_RETURN_IF_ERROR(upload.write(first * row_bytes, bytes));
  }
  matrix.release();
  return ok_status();
}

}  // namespace ix::backend::xla
