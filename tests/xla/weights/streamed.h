// A recipe run into memory, and the whole matrix worked out the plain way.
#pragma once

#include <memory>
#include <vector>

#include "backend/xla/padding.h"
#include "backend/xla/weights/matrix_recipe.h"
#include "quant/dequantize.h"
#include "support/memory_weights.h"
#include "xla/weights/memory_upload.h"

namespace ix::testing {

struct Streamed {
  Status status;
  std::vector<std::unique_ptr<MemoryUpload>> pieces;
};

inline Streamed stream(const backend::xla::MatrixRecipe& recipe, const MemoryWeights& weights) {
  Streamed out;
  std::vector<backend::xla::Upload*> uploads;
  for (const auto& piece :
       backend::xla::weight_pieces(recipe.form, static_cast<int64_t>(recipe.in.size()),
                                   static_cast<int64_t>(recipe.out.size()))) {
    out.pieces.push_back(std::make_unique<MemoryUpload>(piece.shape));
    uploads.push_back(out.pieces.back().get());
  }
  out.status = backend::xla::stream_matrix(recipe, weights, uploads);
  return out;
}

// w [in, out] in float32: the whole tensor dequantised, then picked and transposed.
inline std::vector<float> whole_matrix(const backend::xla::MatrixRecipe& recipe,
                                       const MemoryWeights& weights) {
  const quant::TensorView view = *weights.find(recipe.tensor);
  std::vector<float> all(static_cast<size_t>(view.elements()));
  EXPECT_TRUE(quant::dequantize_row(view.type, view.bytes, all).ok());
  std::vector<float> out;
  for (const int32_t in : recipe.in) {
    for (const int32_t row : recipe.out) {
      const bool pad = in == backend::xla::kPad || row == backend::xla::kPad;
      out.push_back(pad ? 0.0F : all[static_cast<size_t>(row * recipe.cols + in)]);
    }
  }
  return out;
}

}  // namespace ix::testing
