// Source: llama_tensor_get_type in llama.cpp's llama-quant.cpp, its branches for Q4_K_M and for the
// architectures of shape.h.
#include "synth/quant_mix.h"

namespace ix::synth {
namespace {

using quant::TensorType;

// The first and the last eighth of the layers, and every third between them.
bool uses_more_bits(int64_t layer, int64_t layers) {
  const int64_t eighth = layers / 8;
  return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
}

// Shapes whose attn_v is an eighth of attn_q.
bool is_70b(const Shape& shape) {
  constexpr int64_t kLayers = 80;
  return shape.layers == kLayers &&
         (shape.architecture == "qwen2" ||
          (shape.architecture == "llama" && shape.heads != shape.kv_heads));
}

TensorType wanted_type(const Shape& shape, MatrixRole role, int64_t layer) {
  switch (role) {
    case MatrixRole::head:
    case MatrixRole::tied_embedding:
      return TensorType::q6_k;
    case MatrixRole::attn_v:
      if (uses_more_bits(layer, shape.layers)) return TensorType::q6_k;
      return is_70b(shape) ? TensorType::q5_k : TensorType::q4_k;
    case MatrixRole::ffn_down:
      return uses_more_bits(layer, shape.layers) ? TensorType::q6_k : TensorType::q4_k;
    case MatrixRole::embedding:
    case MatrixRole::other:
      return TensorType::q4_k;
  }
  return TensorType::q4_k;
}

bool divides(TensorType type, int64_t cols) {
  return cols % quant::find_traits(type)->block_weights == 0;
}

// For rows that are no whole number of 256 weights.
TensorType with_smaller_blocks(TensorType type) {
  if (type == TensorType::q6_k) return TensorType::q8_0;
  return type == TensorType::q5_k ? TensorType::q5_1 : TensorType::q5_0;
}

}  // namespace

TensorType q4_k_m_type(const Shape& shape, MatrixRole role, int64_t layer, int64_t cols) {
  const TensorType wanted = wanted_type(shape, role, layer);
  if (divides(wanted, cols)) return wanted;
  const TensorType smaller = with_smaller_blocks(wanted);
  return divides(smaller, cols) ? smaller : TensorType::f16;
}

}  // namespace ix::synth
