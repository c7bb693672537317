#include "synth/tensor_list.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "synth/quant_mix.h"

namespace ix::synth {
namespace {

using quant::TensorType;

// What files of an architecture have beyond llama's.
struct Extras {
  bool qkv_bias = false;
  bool head_norms = false;  // of q and k
  bool post_norms = false;  // of what attention and MLP give
};

Extras extras_of(const Shape& shape) {
  const bool gemma = shape.architecture == "gemma3";
  return {.qkv_bias = shape.architecture == "qwen2",
          .head_norms = gemma || shape.architecture == "qwen3",
          .post_norms = gemma};
}

class Lister {
 public:
  explicit Lister(const Shape& shape) : shape_(shape), extras_(extras_of(shape)) {}

  std::vector<SynthTensor> run() {
    matrix("token_embd", shape_.vocab_size, shape_.width,
           shape_.tied_head ? MatrixRole::tied_embedding : MatrixRole::embedding);
    if (shape_.rope_stretch > 0) {
      vector("rope_freqs.weight", shape_.head_dim / 2, Content::rope_factors);
    }
    for (layer_ = 0; layer_ < shape_.layers; ++layer_) {
      prefix_ = fmt::format("blk.{}.", layer_);
      add_layer();
    }
    prefix_.clear();
    norm("output_norm", shape_.width);
    if (!shape_.tied_head) {
      matrix("output", shape_.vocab_size, shape_.width, MatrixRole::head);
    }
    return std::move(tensors_);
  }

 private:
  void add_layer() {
    const int64_t queries = shape_.heads * shape_.head_dim;
    const int64_t keys = shape_.kv_heads * shape_.head_dim;
    norm("attn_norm", shape_.width);
    projection("attn_q", queries, MatrixRole::other);
    projection("attn_k", keys, MatrixRole::other);
    projection("attn_v", keys, MatrixRole::attn_v);
    if (extras_.head_norms) {
      norm("attn_q_norm", shape_.head_dim);
      norm("attn_k_norm", shape_.head_dim);
    }
    matrix("attn_output", shape_.width, queries, MatrixRole::other);
    if (extras_.post_norms) norm("post_attention_norm", shape_.width);
    norm("ffn_norm", shape_.width);
    matrix("ffn_gate", shape_.ffn_width, shape_.width, MatrixRole::other);
    matrix("ffn_up", shape_.ffn_width, shape_.width, MatrixRole::other);
    matrix("ffn_down", shape_.width, shape_.ffn_width, MatrixRole::ffn_down);
    if (extras_.post_norms) norm("post_ffw_norm", shape_.width);
  }

  void projection(std::string_view name, int64_t rows, MatrixRole role) {
    matrix(name, rows, shape_.width, role);
    if (extras_.qkv_bias) vector(fmt::format("{}.bias", name), rows, Content::bias);
  }

  void matrix(std::string_view name, int64_t rows, int64_t cols, MatrixRole role) {
    tensors_.push_back({fmt::format("{}{}.weight", prefix_, name),
                        q4_k_m_type(shape_, role, layer_, cols),
                        {cols, rows},
                        Content::weights});
  }

  void norm(std::string_view name, int64_t size) {
    vector(fmt::format("{}.weight", name), size, Content::norm);
  }

  void vector(const std::string& name, int64_t size, Content content) {
    tensors_.push_back({prefix_ + name, TensorType::f32, {size}, content});
  }

  const Shape& shape_;
  const Extras extras_;
  int64_t layer_ = 0;
  std::string prefix_;
  std::vector<SynthTensor> tensors_;
};

}  // namespace

int64_t SynthTensor::elements() const {
  int64_t product = 1;
  for (const int64_t dim : dims) product *= dim;
  return product;
}

int64_t SynthTensor::bytes() const {
  return elements() / cols() * quant::row_bytes(type, cols()).value();
}

std::vector<SynthTensor> list_tensors(const Shape& shape) { return Lister(shape).run(); }

std::vector<float> rope_factors(const Shape& shape) {
  // Llama 3.1's rope_scaling: wavelengths of a quarter of the original context and less are kept,
  // those above the whole of it stretched.
  constexpr double kOriginalContext = 8192;
  constexpr double kLowFrequency = 1;
  constexpr double kHighFrequency = 4;
  std::vector<float> factors;
  if (shape.rope_stretch <= 0) return factors;
  for (int64_t pair = 0; pair < shape.head_dim / 2; ++pair) {
    const double exponent = static_cast<double>(2 * pair) / static_cast<double>(shape.head_dim);
    const double wavelength = 2 * std::numbers::pi * std::pow(double{shape.rope_base}, exponent);
    const double turns = kOriginalContext / wavelength;
    double factor = 1;
    if (turns < kLowFrequency) {
      factor = shape.rope_stretch;
    } else if (turns <= kHighFrequency) {
      const double kept = (turns - kLowFrequency) / (kHighFrequency - kLowFrequency);
      factor = 1 / ((1 - kept) / shape.rope_stretch + kept);
    }
    factors.push_back(static_cast<float>(factor));
  }
  return factors;
}

}  // namespace ix::synth
