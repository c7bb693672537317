// The tensors of a shape, as a converter names and orders them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "quant/tensor_type.h"
#include "synth/shape.h"

namespace ix::synth {

// What a tensor's numbers are.
enum class Content : uint8_t {
  weights,       // mean 0, deviation 1 / sqrt(columns): outputs as large as inputs
  norm,          // around 1
  bias,          // around 0
  rope_factors,  // what frequencies are divided by, see rope_factors()
};

struct SynthTensor {
  std::string name;
  quant::TensorType type = quant::TensorType::f32;
  std::vector<int64_t> dims;  // GGUF order, fastest first: {cols} or {cols, rows}
  Content content = Content::weights;

  int64_t cols() const { return dims.front(); }
  int64_t bytes() const;
  int64_t elements() const;
};

// For a shape that check_shape() takes.
std::vector<SynthTensor> list_tensors(const Shape& shape);

// Factors of Llama 3.1's long contexts, [head_dim / 2]: rotations that do not come round within the
// original context are slowed down by rope_stretch, fast ones not, those between in part. Empty for
// a shape without.
std::vector<float> rope_factors(const Shape& shape);

}  // namespace ix::synth
