// The numbers that make a model's shape.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ix::synth {

struct Shape {
  std::string name;
  std::string architecture;  // llama, qwen2, qwen3 or gemma3
  int64_t layers = 0;
  int64_t width = 0;  // of a token's state
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  int64_t ffn_width = 0;
  int64_t vocab_size = 0;
  int64_t context_length = 0;
  float rope_base = 10000.0F;
  float norm_epsilon = 1e-5F;
  bool tied_head = false;  // the embedding is the head
  // Of Llama 3.1 and later, which stretch slow rotations by rope_freqs.weight; 0 = no such tensor.
  double rope_stretch = 0;
  int64_t window = 0;  // gemma3: positions that five of six layers see
};

// Those with a name, from published configurations; by size.
std::span<const Shape> named_shapes();

// not_found lists the names.
Result<Shape> find_shape(std::string_view name);

// invalid_argument says which number cannot be.
Status check_shape(const Shape& shape);

}  // namespace ix::synth
