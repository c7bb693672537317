// Random tensors of any type with weights of about standard deviation 1 / sqrt(cols).
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "support/memory_weights.h"

namespace ix::testing {

class RandomWeights {
 public:
  RandomWeights(MemoryWeights& weights, uint32_t seed) : weights_(weights), random_(seed) {}

  // [rows, cols]; types f32, f16, q4_0, q4_1, q5_0, q8_0, q4_k, q6_k.
  void add_matrix(const std::string& name, quant::TensorType type, int64_t rows, int64_t cols);

  // [size] float32, uniform in [low, high].
  void add_vector(const std::string& name, int64_t size, float low, float high);

 private:
  float uniform(float low, float high);
  uint8_t byte();

  MemoryWeights& weights_;
  std::mt19937 random_;
};

}  // namespace ix::testing
