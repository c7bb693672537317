#include "model/hyperparameters.h"

#include <fmt/format.h>

#include <limits>
#include <variant>

#include "base/types.h"

namespace ix::model {
namespace {

// Far above every model known, and small enough that no product of two of them wraps.
constexpr IntRange kLayers{1, 1024};
constexpr IntRange kWidth{1, int64_t{1} << 20};
constexpr IntRange kFfnWidth{1, int64_t{1} << 24};
constexpr IntRange kHeads{1, int64_t{1} << 14};
constexpr IntRange kHeadDim{1, int64_t{1} << 14};
constexpr IntRange kPositions{1, std::numeric_limits<Position>::max()};

void read_heads(MetadataKeys& keys, Hyperparameters& h) {
  h.heads = keys.integer_of_layers("attention.head_count", kHeads, h.layers);
  h.kv_heads = keys.integer_of_layers("attention.head_count_kv", kHeads, h.layers, h.heads);
  if (h.heads % h.kv_heads != 0) {
    keys.findings().add(
        corrupt(fmt::format("key '{}' is {}, which is no multiple of the {} of {}",
                            keys.full_name("attention.head_count"), h.heads, h.kv_heads,
                            keys.full_name("attention.head_count_kv"))));
  }
  const bool both_given = keys.has("attention.key_length") && keys.has("attention.value_length");
  if (!both_given && h.width % h.heads != 0) {
    keys.findings().add(corrupt(fmt::format("key '{}' is {}, which is no multiple of the {} of {}",
                                            keys.full_name("embedding_length"), h.width, h.heads,
                                            keys.full_name("attention.head_count"))));
  }
  h.head_dim = keys.integer("attention.key_length", kHeadDim, h.width / h.heads);
  h.value_head_dim = keys.integer("attention.value_length", kHeadDim, h.width / h.heads);
}

RopeScaling read_scaling_kind(MetadataKeys& keys) {
  const std::string_view kind = keys.text("rope.scaling.type", "linear");
  if (kind == "none") return RopeScaling::none;
  if (kind == "linear") return RopeScaling::linear;
  if (kind == "yarn") return RopeScaling::yarn;
  if (kind == "longrope") return RopeScaling::longrope;
  keys.findings().add(
      unsupported(fmt::format("key '{}' is '{}', which is not supported; known are none, linear, "
                              "yarn and longrope",
                              keys.full_name("rope.scaling.type"), kind)));
  return RopeScaling::none;
}

void read_rope(MetadataKeys& keys, Hyperparameters& h) {
  h.rotary_dim = keys.integer("rope.dimension_count", {2, kHeadDim.max}, h.head_dim);
  if (h.rotary_dim > h.head_dim || h.rotary_dim % 2 != 0) {
    keys.findings().add(
        corrupt(fmt::format("key '{}' is {}, expected an even number up to {}",
                            keys.full_name("rope.dimension_count"), h.rotary_dim, h.head_dim)));
  }
  h.rope_base = keys.real("rope.freq_base", FloatRange::positive, 10000.0F);
  h.rope_scaling = read_scaling_kind(keys);
  // rope.scale_linear is the name of the key in files before rope.scaling.*; 0 says no scaling.
  const float old_factor = keys.real("rope.scale_linear", FloatRange::not_negative, 0.0F);
  h.rope_factor = keys.real("rope.scaling.factor", FloatRange::not_negative, old_factor);
  if (h.rope_factor == 0.0F || h.rope_scaling == RopeScaling::none) h.rope_factor = 1.0F;
  h.rope_attention_factor = keys.real("rope.scaling.attn_factor", FloatRange::positive, 1.0F);
  h.rope_original_context =
      keys.integer("rope.scaling.original_context_length", kPositions, h.context_length);
  h.yarn_beta_fast = keys.real("rope.scaling.yarn_beta_fast", FloatRange::positive, 32.0F);
  h.yarn_beta_slow = keys.real("rope.scaling.yarn_beta_slow", FloatRange::positive, 1.0F);
  if (h.rope_scaling != RopeScaling::yarn) return;
  if (h.rope_base <= 1.0F) {
    keys.findings().add(corrupt(fmt::format("key '{}' is {}, expected more than 1 with YaRN",
                                            keys.full_name("rope.freq_base"), h.rope_base)));
  }
  if (h.rope_factor < 1.0F) {
    keys.findings().add(corrupt(fmt::format("key '{}' is {}, expected at least 1 with YaRN",
                                            keys.full_name("rope.scaling.factor"), h.rope_factor)));
  }
}

// The embedding has a row a token; the tokenizer's list says how many there are, and where there
// is no list, vocab_size.
int64_t read_vocab_size(MetadataKeys& keys) {
  const auto embedding = keys.file().find("token_embd.weight");
  if (!embedding.ok()) {
    keys.findings().add(corrupt("tensor 'token_embd.weight' is missing"));
    return 1;
  }
  const int64_t rows = embedding->rows();
  if (rows < 1 || rows > std::numeric_limits<TokenId>::max()) {
    keys.findings().add(corrupt(fmt::format("tensor 'token_embd.weight' has {} rows", rows)));
    return 1;
  }
  const gguf::Value* tokens = keys.file().metadata().find("tokenizer.ggml.tokens");
  if (tokens != nullptr) {
    const auto* list = std::get_if<gguf::StringArray>(tokens);
    const size_t count = list != nullptr ? list->items.size() : 0;
    if (static_cast<int64_t>(count) != rows) {
      keys.findings().add(
          corrupt(fmt::format("tensor 'token_embd.weight' has {} rows, expected one for each of "
                              "the {} strings of 'tokenizer.ggml.tokens'",
                              rows, count)));
    }
  } else if (const int64_t stated = keys.integer("vocab_size", kPositions, rows); stated != rows) {
    keys.findings().add(
        corrupt(fmt::format("tensor 'token_embd.weight' has {} rows, expected the {} of key '{}'",
                            rows, stated, keys.full_name("vocab_size"))));
  }
  return rows;
}

}  // namespace

Hyperparameters read_hyperparameters(MetadataKeys& keys) {
  Hyperparameters h{};
  h.architecture = keys.architecture();
  h.vocab_size = read_vocab_size(keys);
  h.context_length = keys.integer("context_length", kPositions);
  h.layers = keys.integer("block_count", kLayers);
  h.width = keys.integer("embedding_length", kWidth);
  h.ffn_width = keys.integer_of_layers("feed_forward_length", kFfnWidth, h.layers);
  h.norm_epsilon = keys.real("attention.layer_norm_rms_epsilon", FloatRange::not_negative);
  read_heads(keys, h);
  read_rope(keys, h);
  if (keys.integer("expert_count", {0, 1 << 16}, 0) > 0) {
    keys.findings().add(
        unsupported(fmt::format("key '{}' is above 0: mixtures of experts are not supported",
                                keys.full_name("expert_count"))));
  }
  return h;
}

}  // namespace ix::model
