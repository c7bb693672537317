#include "backend/small_models.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "backend/random_weights.h"

namespace ix::testing {
namespace {

using graph::LinearPart;
using graph::LinearRole;
using graph::Parallel;
using graph::RopePairs;
using graph::ValueId;
using quant::TensorType;

Parallel parallel_of(LinearRole role) {
  const bool row = role == LinearRole::attn_output || role == LinearRole::ffn_down;
  return row ? Parallel::row : Parallel::column;
}

// Emits ops together with random weights for them.
class ModelBuilder {
 public:
  ModelBuilder(const std::string& name, int64_t vocab, uint32_t seed)
      : model_(std::make_shared<SmallModel>()), random_(model_->weights, seed) {
    model_->name = name;
    model_->decoder.architecture = name;
    model_->decoder.vocab_size = vocab;
    model_->decoder.context_length = 4096;
  }

  graph::Decoder& decoder() { return model_->decoder; }
  RandomWeights& random() { return random_; }

  ValueId value(const std::string& name, int64_t width) {
    decoder().values.push_back({width, name});
    return static_cast<ValueId>(decoder().values.size()) - 1;
  }
  int64_t width(ValueId id) { return decoder().values[static_cast<size_t>(id)].width; }
  void push(graph::Op op) { decoder().ops.push_back(std::move(op)); }

  ValueId embedding(TensorType type, int64_t width_of_model) {
    random_.add_matrix("embed", type, decoder().vocab_size, width_of_model);
    const ValueId out = value("embed", width_of_model);
    push(graph::Embedding{"embed", out});
    return out;
  }

  ValueId norm(const std::string& name, ValueId in, int64_t group = 0) {
    if (group == 0) group = width(in);
    random_.add_vector(name, group, 0.5F, 1.5F);
    const ValueId out = value(name, width(in));
    push(graph::RmsNorm{name, 1e-6F, group, in, out});
    return out;
  }

  std::vector<ValueId> linear(const std::string& name, TensorType type, ValueId in,
                              std::vector<std::pair<LinearRole, int64_t>> parts,
                              bool with_bias = false) {
    graph::Linear op{name, "", parallel_of(parts.front().first), width(in), in, {}};
    std::vector<ValueId> outs;
    int64_t rows = 0;
    for (const auto& [role, part_width] : parts) {
      outs.push_back(value(name + "." + std::to_string(outs.size()), part_width));
      op.parts.push_back({role, part_width, 1, outs.back()});
      rows += part_width;
    }
    random_.add_matrix(name, type, rows, op.in_width);
    if (with_bias) {
      op.bias = name + ".bias";
      random_.add_vector(op.bias, rows, -0.5F, 0.5F);
    }
    push(op);
    return outs;
  }

  ValueId rope(graph::Rope op, ValueId in) {
    op.in = in;
    op.heads = width(in) / op.head_dim;
    op.out = value("rope", width(in));
    push(op);
    return op.out;
  }

  ValueId attention(graph::Attention op, int32_t group) {
    op.kv_layer = static_cast<int32_t>(decoder().kv_layers.size());
    op.window = decoder().kv_groups[static_cast<size_t>(group)].window;
    decoder().kv_layers.push_back({op.kv_heads, op.head_dim, op.value_head_dim, group});
    op.out = value("attention", op.heads * op.value_head_dim);
    push(op);
    return op.out;
  }

  ValueId gated(graph::Activation activation, ValueId gate, ValueId up) {
    const ValueId out = value("gated", width(gate));
    push(graph::GatedActivation{activation, gate, up, out});
    return out;
  }
  ValueId add(ValueId a, ValueId b) {
    const ValueId out = value("sum", width(a));
    push(graph::Add{a, b, out});
    return out;
  }
  ValueId scale(ValueId in, float factor) {
    const ValueId out = value("scaled", width(in));
    push(graph::Scale{factor, in, out});
    return out;
  }

  void begin_layer() { first_op_ = static_cast<int32_t>(decoder().ops.size()); }
  void end_layer() {
    const auto end = static_cast<int32_t>(decoder().ops.size());
    decoder().layers.push_back({first_op_, end});
    decoder().head_op = end;
  }

  // A head of its own type, or the embedding's weights for "embed".
  ValueId head(const std::string& weight, TensorType type, ValueId in) {
    if (weight != "embed") random_.add_matrix(weight, type, decoder().vocab_size, width(in));
    const ValueId out = value("logits", decoder().vocab_size);
    push(graph::Linear{weight,
                       "",
                       Parallel::column,
                       width(in),
                       in,
                       {{LinearRole::head, decoder().vocab_size, 1, out}}});
    return out;
  }

  std::shared_ptr<const SmallModel> finish(ValueId logits) {
    decoder().logits = logits;
    const Status status = graph::verify(decoder());
    if (!status.ok()) {
      fprintf(stderr, "%s\n", status.message().c_str());
      IX_CHECK(status.ok());
    }
    return model_;
  }

 private:
  std::shared_ptr<SmallModel> model_;
  RandomWeights random_;
  int32_t first_op_ = 0;
};

std::string layer_name(int layer, const std::string& name) {
  return "blk." + std::to_string(layer) + "." + name;
}

}  // namespace

std::shared_ptr<const SmallModel> make_uneven_model() {
  constexpr int64_t kWidth = 60, kHeads = 6, kKvHeads = 2, kHeadDim = 20, kValueDim = 12, kFfn = 77;
  ModelBuilder b("uneven", 163, 1);
  b.decoder().kv_groups = {{.window = 0}};
  graph::Rope rope{.pairs = RopePairs::interleaved,
                   .heads = 0,
                   .head_dim = kHeadDim,
                   .rotary_dim = kHeadDim,
                   .freq_base = 10000.0F,
                   .freq_scale = 0.5F,
                   .factors = "",
                   .in = -1,
                   .out = -1};
  ValueId x = b.embedding(TensorType::f16, kWidth);
  for (int layer = 0; layer < 2; ++layer) {
    const auto name = [&](const char* suffix) { return layer_name(layer, suffix); };
    b.begin_layer();
    const ValueId normed = b.norm(name("attn_norm"), x);
    const auto q = b.linear(name("q"), TensorType::f16, normed,
                            {{LinearRole::attn_q, kHeads * kHeadDim}}, true);
    const auto k = b.linear(name("k"), TensorType::f32, normed,
                            {{LinearRole::attn_k, kKvHeads * kHeadDim}}, true);
    const auto v = b.linear(name("v"), TensorType::f32, normed,
                            {{LinearRole::attn_v, kKvHeads * kValueDim}}, true);
    const ValueId attended = b.attention({.heads = kHeads,
                                          .kv_heads = kKvHeads,
                                          .head_dim = kHeadDim,
                                          .value_head_dim = kValueDim,
                                          .scale = 0.2236068F,
                                          .soft_cap = 0,
                                          .window = 0,
                                          .kv_layer = 0,
                                          .q = b.rope(rope, q[0]),
                                          .k = b.rope(rope, k[0]),
                                          .v = v[0],
                                          .out = -1},
                                         0);
    const auto o =
        b.linear(name("o"), TensorType::f16, attended, {{LinearRole::attn_output, kWidth}});
    x = b.add(x, o[0]);
    const ValueId ffn_in = b.norm(name("ffn_norm"), x);
    const auto gate =
        b.linear(name("gate"), TensorType::f32, ffn_in, {{LinearRole::ffn_gate, kFfn}});
    const auto up = b.linear(name("up"), TensorType::f16, ffn_in, {{LinearRole::ffn_up, kFfn}});
    const auto down =
        b.linear(name("down"), TensorType::f32, b.gated(graph::Activation::silu, gate[0], up[0]),
                 {{LinearRole::ffn_down, kWidth}});
    x = b.add(x, down[0]);
    b.end_layer();
  }
  return b.finish(b.head("output", TensorType::f16, b.norm("output_norm", x)));
}

std::shared_ptr<const SmallModel> make_sliding_model() {
  constexpr int64_t kWidth = 256, kHeads = 4, kHeadDim = 64, kFfn = 256;
  ModelBuilder b("sliding", 261, 2);
  b.decoder().kv_groups = {{.window = 20}, {.window = 0}};
  ValueId x = b.scale(b.embedding(TensorType::q6_k, kWidth), 16.0F);
  for (int layer = 0; layer < 2; ++layer) {
    const auto name = [&](const char* suffix) { return layer_name(layer, suffix); };
    const bool full = layer == 1;
    graph::Rope rope{.pairs = RopePairs::halves,
                     .heads = 0,
                     .head_dim = kHeadDim,
                     .rotary_dim = kHeadDim,
                     .freq_base = full ? 1000000.0F : 10000.0F,
                     .factors = "",
                     .in = -1,
                     .out = -1};
    b.begin_layer();
    const ValueId normed = b.norm(name("attn_norm"), x);
    const auto q =
        b.linear(name("q"), TensorType::q4_k, normed, {{LinearRole::attn_q, kHeads * kHeadDim}});
    const auto k = b.linear(name("k"), TensorType::q4_k, normed, {{LinearRole::attn_k, kHeadDim}});
    const auto v = b.linear(name("v"), layer == 0 ? TensorType::q8_0 : TensorType::q6_k, normed,
                            {{LinearRole::attn_v, kHeadDim}});
    const ValueId attended = b.attention({.heads = kHeads,
                                          .kv_heads = 1,
                                          .head_dim = kHeadDim,
                                          .value_head_dim = kHeadDim,
                                          .scale = 0.125F,
                                          .soft_cap = 10.0F,
                                          .window = 0,
                                          .kv_layer = 0,
                                          .q = b.rope(rope, b.norm(name("q_norm"), q[0], kHeadDim)),
                                          .k = b.rope(rope, b.norm(name("k_norm"), k[0], kHeadDim)),
                                          .v = v[0],
                                          .out = -1},
                                         full ? 1 : 0);
    const auto o =
        b.linear(name("o"), TensorType::q4_k, attended, {{LinearRole::attn_output, kWidth}});
    x = b.add(x, b.norm(name("post_attn"), o[0]));
    const ValueId ffn_in = b.norm(name("ffn_norm"), x);
    const auto gate =
        b.linear(name("gate"), TensorType::q4_k, ffn_in, {{LinearRole::ffn_gate, kFfn}});
    const auto up = b.linear(name("up"), TensorType::q4_k, ffn_in, {{LinearRole::ffn_up, kFfn}});
    const auto down = b.linear(name("down"), TensorType::q6_k,
                               b.gated(graph::Activation::gelu_tanh, gate[0], up[0]),
                               {{LinearRole::ffn_down, kWidth}});
    x = b.add(x, b.norm(name("post_ffn"), down[0]));
    b.end_layer();
  }
  const ValueId capped_in = b.head("embed", TensorType::q6_k, b.norm("output_norm", x));
  const ValueId logits = b.value("capped", b.decoder().vocab_size);
  b.push(graph::SoftCap{5.0F, capped_in, logits});
  return b.finish(logits);
}

std::shared_ptr<const SmallModel> make_fused_model() {
  constexpr int64_t kWidth = 96, kHeads = 3, kHeadDim = 32, kFfn = 160, kRotary = 16;
  ModelBuilder b("fused", 210, 3);
  b.decoder().kv_groups = {{.window = 5}};
  b.random().add_vector("factors", kRotary / 2, 1.0F, 8.0F);
  graph::Rope rope{.pairs = RopePairs::halves,
                   .heads = 0,
                   .head_dim = kHeadDim,
                   .rotary_dim = kRotary,
                   .freq_base = 10000.0F,
                   .attention_factor = 1.19F,
                   .factors = "factors",
                   .in = -1,
                   .out = -1};
  ValueId x = b.embedding(TensorType::q4_0, kWidth);
  for (int layer = 0; layer < 2; ++layer) {
    const auto name = [&](const char* suffix) { return layer_name(layer, suffix); };
    b.begin_layer();
    const auto qkv = b.linear(name("qkv"), TensorType::q5_0, b.norm(name("attn_norm"), x),
                              {{LinearRole::attn_q, kHeads * kHeadDim},
                               {LinearRole::attn_k, kHeads * kHeadDim},
                               {LinearRole::attn_v, kHeads * kHeadDim}});
    const ValueId attended = b.attention({.heads = kHeads,
                                          .kv_heads = kHeads,
                                          .head_dim = kHeadDim,
                                          .value_head_dim = kHeadDim,
                                          .scale = 0.17677669F,
                                          .soft_cap = 0,
                                          .window = 0,
                                          .kv_layer = 0,
                                          .q = b.rope(rope, qkv[0]),
                                          .k = b.rope(rope, qkv[1]),
                                          .v = qkv[2],
                                          .out = -1},
                                         0);
    const auto o =
        b.linear(name("o"), TensorType::q8_0, attended, {{LinearRole::attn_output, kWidth}});
    x = b.add(x, o[0]);
    const auto gate_up = b.linear(name("gate_up"), TensorType::q4_1, b.norm(name("ffn_norm"), x),
                                  {{LinearRole::ffn_gate, kFfn}, {LinearRole::ffn_up, kFfn}});
    const auto down = b.linear(name("down"), TensorType::q5_0,
                               b.gated(graph::Activation::silu, gate_up[0], gate_up[1]),
                               {{LinearRole::ffn_down, kWidth}});
    x = b.add(x, down[0]);
    b.end_layer();
  }
  return b.finish(b.head("output", TensorType::q8_0, b.norm("output_norm", x)));
}

std::shared_ptr<const SmallModel> make_even_model(const std::string& name, TensorType first,
                                                  TensorType second) {
  constexpr int64_t kWidth = 256, kHeads = 4, kHeadDim = 64;
  ModelBuilder b(name, 227, 4);
  b.decoder().kv_groups = {{.window = 0}};
  const graph::Rope rope{.pairs = RopePairs::interleaved,
                         .heads = 0,
                         .head_dim = kHeadDim,
                         .rotary_dim = kHeadDim,
                         .freq_base = 10000.0F,
                         .factors = "",
                         .in = -1,
                         .out = -1};
  ValueId x = b.embedding(first, kWidth);
  for (int layer = 0; layer < 2; ++layer) {
    const auto name_of = [&](const char* suffix) { return layer_name(layer, suffix); };
    b.begin_layer();
    const ValueId normed = b.norm(name_of("attn_norm"), x);
    const auto qk = b.linear(
        name_of("qk"), first, normed,
        {{LinearRole::attn_q, kHeads * kHeadDim}, {LinearRole::attn_k, kHeads * kHeadDim}});
    const auto v =
        b.linear(name_of("v"), second, normed, {{LinearRole::attn_v, kHeads * kHeadDim}});
    const ValueId attended = b.attention({.heads = kHeads,
                                          .kv_heads = kHeads,
                                          .head_dim = kHeadDim,
                                          .value_head_dim = kHeadDim,
                                          .scale = 0.125F,
                                          .soft_cap = 0,
                                          .window = 0,
                                          .kv_layer = 0,
                                          .q = b.rope(rope, qk[0]),
                                          .k = b.rope(rope, qk[1]),
                                          .v = v[0],
                                          .out = -1},
                                         0);
    const auto o = b.linear(name_of("o"), second, attended, {{LinearRole::attn_output, kWidth}});
    x = b.add(x, o[0]);
    const ValueId ffn_in = b.norm(name_of("ffn_norm"), x);
    const auto gate = b.linear(name_of("gate"), first, ffn_in, {{LinearRole::ffn_gate, kWidth}});
    const auto up = b.linear(name_of("up"), second, ffn_in, {{LinearRole::ffn_up, kWidth}});
    const auto down =
        b.linear(name_of("down"), second, b.gated(graph::Activation::silu, gate[0], up[0]),
                 {{LinearRole::ffn_down, kWidth}});
    x = b.add(x, down[0]);
    b.end_layer();
  }
  return b.finish(b.head("embed", first, b.norm("output_norm", x)));
}

std::vector<std::shared_ptr<const SmallModel>> small_models() {
  static const std::vector<std::shared_ptr<const SmallModel>> models = {
      make_uneven_model(), make_sliding_model(), make_fused_model(),
      make_even_model("low_bits", TensorType::q2_k, TensorType::q3_k),
      make_even_model("halves", TensorType::f16, TensorType::bf16)};
  return models;
}

bool is_small_model(const quant::WeightSource& weights) {
  const auto models = small_models();
  return std::any_of(models.begin(), models.end(),
                     [&](const auto& model) { return &model->weights == &weights; });
}

std::vector<TokenId> random_tokens(const SmallModel& model, int count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<TokenId> tokens(static_cast<size_t>(count));
  for (TokenId& token : tokens) {
    token = static_cast<TokenId>(random() % static_cast<uint32_t>(model.decoder.vocab_size));
  }
  return tokens;
}

}  // namespace ix::testing
