// stream_matrix() but for q4: values in another type, transposed.
#include <fmt/format.h>

#include <cmath>

#include "backend/xla/padding.h"
#include "backend/xla/weights/column_picker.h"
#include "backend/xla/weights/matrix_recipe.h"
#include "backend/xla/weights/q4_stream.h"
#include "backend/xla/weights/tile_writer.h"
#include "base/float16.h"

namespace ix::backend::xla {
namespace {

// A tile of at most 2048 x 2048: 16 MB in float32. Its columns are read 32 at a time, so that the
// transposing writes of two-byte elements fill cache lines of 64 bytes.
constexpr int64_t kTileSide = 2048;
constexpr int64_t kReadColumns = 32;

Status not_a_number(const MatrixRecipe& recipe, float value) {
  return corrupt(fmt::format("tensor '{}' has the weight {}", recipe.tensor, value));
}

// Calls convert(value, out index) for each weight and writes the results [in, out].
template <typename T, typename Convert>
Status stream_values(const MatrixRecipe& recipe, const SourceMatrix& matrix, Upload& upload,
                     Convert convert) {
  const auto in = static_cast<int64_t>(recipe.in.size());
  const auto out = static_cast<int64_t>(recipe.out.size());
  TileWriter<T> tile(upload, out);
  std::vector<float> columns(static_cast<size_t>(kReadColumns * kTileSide));
  for (int64_t k = 0; k < in; k += kTileSide) {
    const int64_t rows = std::min(kTileSide, in - k);
    ColumnPicker picker(
        matrix, std::span(recipe.in).subspan(static_cast<size_t>(k), static_cast<size_t>(rows)));
    for (int64_t n = 0; n < out; n += kTileSide) {
      const int64_t cols = std::min(kTileSide, out - n);
      tile.begin(k, rows, n, cols);
      for (int64_t c = 0; c < cols; c += kReadColumns) {
        const int64_t count = std::min(kReadColumns, cols - c);
        for (int64_t i = 0; i < count; ++i) {
          picker.read(
              recipe.out[static_cast<size_t>(n + c + i)],
              std::span(columns).subspan(static_cast<size_t>(i * rows), static_cast<size_t>(rows)));
        }
        for (int64_t row = 0; row < rows; ++row) {
          for (int64_t i = 0; i < count; ++i) {
            const float value = columns[static_cast<size_t>(i * rows + row)];
            IX_RETURN_IF_ERROR(convert(value, n + c + i, tile.at(row, c + i)));
          }
        }
      }
      IX_RETURN_IF_ERROR(tile.write());
    }
  }
  return ok_status();
}

Status to_half(const MatrixRecipe& recipe, float value, uint16_t& half) {
  constexpr uint16_t kInfinity = 0x7C00;
  half = float_to_half(value);
  if ((half & kInfinity) != kInfinity) return ok_status();
  if (!std::isfinite(value)) return not_a_number(recipe, value);
  return unsupported(
      fmt::format("tensor '{}' has the weight {}, beyond the range of f16 (65504); use bf16",
                  recipe.tensor, value));
}

// The largest magnitude of each output column, over this rank's part of it.
Result<std::vector<float>> largest_of_columns(const MatrixRecipe& recipe,
                                              const SourceMatrix& matrix) {
  ColumnPicker picker(matrix, recipe.in);
  std::vector<float> column(recipe.in.size());
  std::vector<float> largest(recipe.out.size());
  for (size_t n = 0; n < recipe.out.size(); ++n) {
    picker.read(recipe.out[n], column);
    for (const float value : column) {
      if (!std::isfinite(value)) return not_a_number(recipe, value);
      largest[n] = std::max(largest[n], std::abs(value));
    }
  }
  return largest;
}

Status stream_int8(const MatrixRecipe& recipe, const SourceMatrix& matrix,
                   std::span<Upload* const> pieces) {
  constexpr float kLargest = 127.0F;
  IX_ASSIGN_OR_RETURN(std::vector<float> scales, largest_of_columns(recipe, matrix));
  for (float& scale : scales) scale /= kLargest;
  IX_RETURN_IF_ERROR(stream_values<int8_t>(
      recipe, matrix, *pieces[0], [&](float value, int64_t column, int8_t& q) {
        const float scale = scales[static_cast<size_t>(column)];
        q = scale == 0.0F ? int8_t{0}
                          : static_cast<int8_t>(
                                std::clamp(std::nearbyint(value / scale), -kLargest, kLargest));
        return ok_status();
      }));
  return pieces[1]->write(0, std::as_bytes(std::span<const float>(scales)));
}

}  // namespace

Status stream_matrix(const MatrixRecipe& recipe, const quant::WeightSource& source,
                     std::span<Upload* const> pieces) {
  IX_ASSIGN_OR_RETURN(const SourceMatrix matrix,
                      SourceMatrix::open(source, recipe.tensor, recipe.rows, recipe.cols));
  switch (recipe.form) {
    case WeightForm::f32:
      return stream_values<float>(recipe, matrix, *pieces[0], [](float value, int64_t, float& out) {
        out = value;
        return ok_status();
      });
    case WeightForm::bf16:
      return stream_values<uint16_t>(recipe, matrix, *pieces[0],
                                     [](float value, int64_t, uint16_t& out) {
                                       out = float_to_bfloat16(value);
                                       return ok_status();
                                     });
    case WeightForm::f16:
      return stream_values<uint16_t>(
          recipe, matrix, *pieces[0],
          [&](float value, int64_t, uint16_t& out) { return to_half(recipe, value, out); });
    case WeightForm::int8:
      return stream_int8(recipe, matrix, pieces);
    case WeightForm::q4:
      return stream_q4(recipe, matrix, pieces);
  }
  IX_CHECK(false);
  return ok_status();
}

}  // namespace ix::backend::xla
