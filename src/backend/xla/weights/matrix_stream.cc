// stream_matrix() but for q4: values in another type, transposed.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <mutex>

#include "backend/xla/padding.h"
#include "backend/xla/weights/column_picker.h"
#include "backend/xla/weights/matrix_recipe.h"
#include "backend/xla/weights/q4_stream.h"
#include "backend/xla/weights/tile_writer.h"
#include "backend/xla/weights/transpose.h"
#include "base/checked_math.h"
#include "base/float16.h"
#include "base/thread_pool.h"

namespace ix::backend::xla {
namespace {

// A tile has all output columns where that many rows of whole blocks fit, so that it is one piece
// of the array: a device takes few large writes faster than many small ones.
constexpr int64_t kTileBytes = int64_t{8} << 20;
constexpr int64_t kTileRowUnit = 256;  // the longest block
// Output columns that a task reads and transposes at once: 64 bytes of two-byte elements, a cache
// line of each row of the tile.
constexpr int64_t kTaskColumns = 32;

struct TileShape {
  int64_t rows;
  int64_t cols;
};

TileShape tile_shape(int64_t in, int64_t out, int64_t element_bytes) {
  const int64_t most_cols = kTileBytes / kTileRowUnit / element_bytes;
  const int64_t cols = std::min(out, most_cols);
  const int64_t rows = kTileBytes / element_bytes / cols / kTileRowUnit * kTileRowUnit;
  return {std::min(in, rows), cols};
}

// The first error of tasks that run at once.
class FirstError {
 public:
  void note(Status status) {
    if (status.ok()) return;
    const std::lock_guard lock(mutex_);
    if (status_.ok()) status_ = std::move(status);
  }
  const Status& status() const { return status_; }  // after the tasks

 private:
  std::mutex mutex_;
  Status status_;
};

Status not_a_number(const MatrixRecipe& recipe, float value) {
  return corrupt(fmt::format("tensor '{}' has the weight {}", recipe.tensor, value));
}

// Converts the weights of an output column by convert(weights, out index, values) and writes them
// transposed, [in, out].
template <typename T, typename Convert>
Status stream_values(const MatrixRecipe& recipe, const SourceMatrix& matrix, ThreadPool& pool,
                     Upload& upload, Convert convert) {
  const auto in = static_cast<int64_t>(recipe.in.size());
  const auto out = static_cast<int64_t>(recipe.out.size());
  const TileShape shape = tile_shape(in, out, sizeof(T));
  TileWriter<T> tile(upload, out);
  // One of each a thread.
  std::vector<std::vector<float>> weights(static_cast<size_t>(pool.threads()));
  std::vector<std::vector<T>> values(weights.size());
  for (int64_t k = 0; k < in; k += shape.rows) {
    const int64_t rows = std::min(shape.rows, in - k);
    const auto row_count = static_cast<size_t>(rows);
    const ColumnPicker picker(matrix,
                              std::span(recipe.in).subspan(static_cast<size_t>(k), row_count));
    for (int64_t n = 0; n < out; n += shape.cols) {
      const int64_t cols = std::min(shape.cols, out - n);
      tile.begin(k, rows, n, cols);
      FirstError error;
      pool.run(ceil_div(cols, kTaskColumns), [&](int64_t task, int thread) {
        std::vector<float>& column = weights[static_cast<size_t>(thread)];
        std::vector<T>& converted = values[static_cast<size_t>(thread)];
        column.resize(picker.floats_needed());
        converted.resize(static_cast<size_t>(kTaskColumns) * row_count);
        const int64_t first = task * kTaskColumns;
        const int64_t count = std::min(kTaskColumns, cols - first);
        for (int64_t i = 0; i < count; ++i) {
          const int64_t index = n + first + i;
          const auto picked = picker.read(recipe.out[static_cast<size_t>(index)], column);
          error.note(
              convert(picked, index,
                      std::span(converted).subspan(static_cast<size_t>(i) * row_count, row_count)));
        }
        transpose<T>({converted.data(), rows}, count, rows, {&tile.at(0, first), cols});
      });
      IX_RETURN_IF_ERROR(error.status());
      IX_RETURN_IF_ERROR(tile.write());
    }
  }
  return ok_status();
}

Status to_halves(const MatrixRecipe& recipe, std::span<const float> weights,
                 std::span<uint16_t> halves) {
  constexpr uint16_t kInfinity = 0x7C00;
  std::transform(weights.begin(), weights.end(), halves.begin(), float_to_half);
  const auto beyond =
      std::ranges::find_if(halves, [](uint16_t half) { return (half & kInfinity) == kInfinity; });
  if (beyond == halves.end()) return ok_status();
  const float value = weights[static_cast<size_t>(beyond - halves.begin())];
  if (!std::isfinite(value)) return not_a_number(recipe, value);
  return unsupported(
      fmt::format("tensor '{}' has the weight {}, beyond the range of f16 (65504); use bf16",
                  recipe.tensor, value));
}

// The largest magnitude of each output column, over this rank's part of it.
Result<std::vector<float>> largest_of_columns(const MatrixRecipe& recipe,
                                              const SourceMatrix& matrix, ThreadPool& pool) {
  const ColumnPicker picker(matrix, recipe.in);
  std::vector<std::vector<float>> columns(static_cast<size_t>(pool.threads()));
  std::vector<float> largest(recipe.out.size());
  FirstError error;
  pool.run(static_cast<int64_t>(recipe.out.size()), [&](int64_t task, int thread) {
    const auto n = static_cast<size_t>(task);
    std::vector<float>& column = columns[static_cast<size_t>(thread)];
    column.resize(picker.floats_needed());
    for (const float value : picker.read(recipe.out[n], column)) {
      if (!std::isfinite(value)) return error.note(not_a_number(recipe, value));
      largest[n] = std::max(largest[n], std::abs(value));
    }
  });
  IX_RETURN_IF_ERROR(error.status());
  return largest;
}

Status stream_int8(const MatrixRecipe& recipe, const SourceMatrix& matrix, ThreadPool& pool,
                   std::span<Upload* const> pieces) {
  constexpr float kLargest = 127.0F;
  IX_ASSIGN_OR_RETURN(std::vector<float> scales, largest_of_columns(recipe, matrix, pool));
  for (float& scale : scales) scale /= kLargest;
  const auto quantise = [&](std::span<const float> weights, int64_t column,
                            std::span<int8_t> quants) {
    const float scale = scales[static_cast<size_t>(column)];
    std::transform(weights.begin(), weights.end(), quants.begin(), [=](float weight) {
      if (scale == 0.0F) return int8_t{0};
      return static_cast<int8_t>(std::clamp(std::nearbyint(weight / scale), -kLargest, kLargest));
    });
    return ok_status();
  };
  IX_RETURN_IF_ERROR(stream_values<int8_t>(recipe, matrix, pool, *pieces[0], quantise));
  return pieces[1]->write(0, std::as_bytes(std::span<const float>(scales)));
}

Status stream(const MatrixRecipe& recipe, const SourceMatrix& matrix,
              std::span<Upload* const> pieces) {
  using Weights = std::span<const float>;
  IX_ASSIGN_OR_RETURN(const std::unique_ptr<ThreadPool> pool, ThreadPool::start(default_threads()));
  switch (recipe.form) {
    case WeightForm::f32:
      return stream_values<float>(recipe, matrix, *pool, *pieces[0],
                                  [](Weights weights, int64_t, std::span<float> out) {
                                    std::ranges::copy(weights, out.begin());
                                    return ok_status();
                                  });
    case WeightForm::bf16:
      return stream_values<uint16_t>(
          recipe, matrix, *pool, *pieces[0], [](Weights weights, int64_t, std::span<uint16_t> out) {
            std::transform(weights.begin(), weights.end(), out.begin(), float_to_bfloat16);
            return ok_status();
          });
    case WeightForm::f16:
      return stream_values<uint16_t>(recipe, matrix, *pool, *pieces[0],
                                     [&](Weights weights, int64_t, std::span<uint16_t> out) {
                                       return to_halves(recipe, weights, out);
                                     });
    case WeightForm::int8:
      return stream_int8(recipe, matrix, *pool, pieces);
    case WeightForm::q4:
      return stream_q4(recipe, matrix, pieces);
  }
  IX_CHECK(false);
  return ok_status();
}

}  // namespace

Status stream_matrix(const MatrixRecipe& recipe, const quant::WeightSource& source,
                     std::span<Upload* const> pieces) {
  IX_ASSIGN_OR_RETURN(const SourceMatrix matrix,
                      SourceMatrix::open(source, recipe.tensor, recipe.rows, recipe.cols));
  IX_RETURN_IF_ERROR(stream(recipe, matrix, pieces));
  matrix.release();
  return ok_status();
}

}  // namespace ix::backend::xla
