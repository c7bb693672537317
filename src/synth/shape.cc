#include "synth/shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "synth/file_metadata.h"

namespace ix::synth {
namespace {

// Sources: config.json of each model.
const std::vector<Shape>& table() {
  static const std::vector<Shape> kShapes = {
      {.name = "smollm2-135m",
       .architecture = "llama",
       .layers = 30,
       .width = 576,
       .heads = 9,
       .kv_heads = 3,
       .head_dim = 64,
       .ffn_width = 1536,
       .vocab_size = 49152,
       .context_length = 8192,
       .rope_base = 1e5F,
       .tied_head = true},
      {.name = "gemma-3-270m",
       .architecture = "gemma3",
       .layers = 18,
       .width = 640,
       .heads = 4,
       .kv_heads = 1,
       .head_dim = 256,
       .ffn_width = 2048,
       .vocab_size = 262144,
       .context_length = 32768,
       .rope_base = 1e6F,
       .norm_epsilon = 1e-6F,
       .tied_head = true,
       .window = 512},
      {.name = "qwen2.5-0.5b",
       .architecture = "qwen2",
       .layers = 24,
       .width = 896,
       .heads = 14,
       .kv_heads = 2,
       .head_dim = 64,
       .ffn_width = 4864,
       .vocab_size = 151936,
       .context_length = 32768,
       .rope_base = 1e6F,
       .norm_epsilon = 1e-6F,
       .tied_head = true},
      {.name = "qwen3-0.6b",
       .architecture = "qwen3",
       .layers = 28,
       .width = 1024,
       .heads = 16,
       .kv_heads = 8,
       .head_dim = 128,
       .ffn_width = 3072,
       .vocab_size = 151936,
       .context_length = 40960,
       .rope_base = 1e6F,
       .norm_epsilon = 1e-6F,
       .tied_head = true},
      {.name = "tinyllama-1.1b",
       .architecture = "llama",
       .layers = 22,
       .width = 2048,
       .heads = 32,
       .kv_heads = 4,
       .head_dim = 64,
       .ffn_width = 5632,
       .vocab_size = 32000,
       .context_length = 2048},
      {.name = "llama-2-7b",
       .architecture = "llama",
       .layers = 32,
       .width = 4096,
       .heads = 32,
       .kv_heads = 32,
       .head_dim = 128,
       .ffn_width = 11008,
       .vocab_size = 32000,
       .context_length = 4096},
      {.name = "qwen2.5-7b",
       .architecture = "qwen2",
       .layers = 28,
       .width = 3584,
       .heads = 28,
       .kv_heads = 4,
       .head_dim = 128,
       .ffn_width = 18944,
       .vocab_size = 152064,
       .context_length = 32768,
       .rope_base = 1e6F,
       .norm_epsilon = 1e-6F},
      {.name = "llama-3.1-8b",
       .architecture = "llama",
       .layers = 32,
       .width = 4096,
       .heads = 32,
       .kv_heads = 8,
       .head_dim = 128,
       .ffn_width = 14336,
       .vocab_size = 128256,
       .context_length = 131072,
       .rope_base = 5e5F,
       .rope_stretch = 8},
      {.name = "llama-3.1-70b",
       .architecture = "llama",
       .layers = 80,
       .width = 8192,
       .heads = 64,
       .kv_heads = 8,
       .head_dim = 128,
       .ffn_width = 28672,
       .vocab_size = 128256,
       .context_length = 131072,
       .rope_base = 5e5F,
       .rope_stretch = 8},
  };
  return kShapes;
}

struct Number {
  std::string_view name;
  int64_t value;
  int64_t low;
  int64_t high;
};

}  // namespace

std::span<const Shape> named_shapes() { return table(); }

Result<Shape> find_shape(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Shape& shape : table()) {
    if (shape.name == name) return shape;
    names.push_back(shape.name);
  }
  return not_found(
      fmt::format("no shape is called '{}'; there are {}", name, fmt::join(names, ", ")));
}

Status check_shape(const Shape& shape) {
  constexpr int64_t kMaxPositions = std::numeric_limits<int32_t>::max();
  // Those of src/model's reader, except for the vocabulary, which must have its bytes.
  const Number numbers[] = {
      {"layers", shape.layers, 1, 1024},
      {"width", shape.width, 1, int64_t{1} << 20},
      {"heads", shape.heads, 1, int64_t{1} << 14},
      {"kv-heads", shape.kv_heads, 1, shape.heads},
      {"head-dim", shape.head_dim, 2, int64_t{1} << 14},
      {"ffn", shape.ffn_width, 1, int64_t{1} << 24},
      {"vocab", shape.vocab_size, kLeastTokens, int64_t{1} << 24},
      {"context", shape.context_length, 1, kMaxPositions},
  };
  for (const Number& number : numbers) {
    if (number.value < number.low || number.value > number.high) {
      return invalid_argument(fmt::format("{} is {}, but must be {} to {}", number.name,
                                          number.value, number.low, number.high));
    }
  }
  if (shape.heads % shape.kv_heads != 0) {
    return invalid_argument(fmt::format("heads is {}, but must be a multiple of kv-heads, {}",
                                        shape.heads, shape.kv_heads));
  }
  if (shape.head_dim % 2 != 0) {
    return invalid_argument(fmt::format("head-dim is {}, but must be even", shape.head_dim));
  }
  return ok_status();
}

}  // namespace ix::synth
