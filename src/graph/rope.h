// Rope frequencies, computed once for every backend so that none differs from another.
#pragma once

#include <span>
#include <vector>

#include "graph/decoder.h"

namespace ix::graph {

struct RopeTable {
  std::vector<float> frequencies;  // [rotary_dim / 2] radians a position
  float magnitude;                 // multiplies sine and cosine
};

// factors: content of Rope::factors ([rotary_dim / 2]) or empty. YaRN as in llama.cpp's
// ggml_rope_ext (ramp between beta_fast and beta_slow, magnitude 1 + 0.1 ln(1 / freq_scale)).
RopeTable rope_table(const Rope& rope, std::span<const float> factors);

}  // namespace ix::graph
