#include "model/decoder_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "quant/dequantize.h"

namespace ix::model {

using graph::LinearRole;
using graph::Parallel;

namespace {

// "[rows, cols]", or "[cols]" for a vector.
std::string expected_shape(int64_t rows, int64_t cols) {
  return rows == 1 ? fmt::format("[{}]", cols) : fmt::format("[{}, {}]", rows, cols);
}

std::string shape_of(const quant::TensorView& view) {
  std::string text = fmt::format("{}]", view.dims[0]);
  size_t used = view.dims.size();
  while (used > 1 && view.dims[used - 1] == 1) --used;
  for (size_t i = 1; i < used; ++i) text = fmt::format("{}, {}", view.dims[i], text);
  return "[" + text;
}

}  // namespace

float score_scale(int64_t dim) { return 1.0F / std::sqrt(static_cast<float>(dim)); }

DecoderBuilder::DecoderBuilder(MetadataKeys& keys, const Hyperparameters& hyperparameters,
                               int64_t context_length)
    : keys_(keys), h_(hyperparameters), context_length_(context_length) {
  decoder_.architecture = h_.architecture;
  decoder_.vocab_size = h_.vocab_size;
  decoder_.context_length = h_.context_length;
}

ValueId DecoderBuilder::value(std::string_view name, int64_t width) {
  decoder_.values.push_back({width, in_layer(name)});
  return static_cast<ValueId>(decoder_.values.size() - 1);
}

int64_t DecoderBuilder::width(ValueId id) const {
  return decoder_.values[static_cast<size_t>(id)].width;
}

bool DecoderBuilder::has(const std::string& tensor) const { return keys_.file().find(tensor).ok(); }

void DecoderBuilder::require(const std::string& tensor, int64_t rows, int64_t cols) {
  used_.insert(tensor);
  const auto found = keys_.file().find(tensor);
  if (!found.ok()) {
    keys_.findings().add(corrupt(
        fmt::format("tensor '{}' is missing, expected as {}", tensor, expected_shape(rows, cols))));
    return;
  }
  if (found->dims != std::array<int64_t, 4>{cols, rows, 1, 1}) {
    keys_.findings().add(corrupt(fmt::format("tensor '{}' is {}, expected {}", tensor,
                                             shape_of(*found), expected_shape(rows, cols))));
  }
  const quant::TypeTraits* traits = quant::find_traits(found->type);
  if (traits == nullptr || !traits->dequantizable) {
    keys_.findings().add(
        unsupported(fmt::format("tensor '{}' is of type {}, which is not supported", tensor,
                                quant::type_name(found->type))));
  }
}

void DecoderBuilder::require_numbers(const std::string& tensor, int64_t size, bool positive) {
  const size_t findings = keys_.findings().all().size();
  require(tensor, 1, size);
  if (keys_.findings().all().size() != findings) return;
  const auto found = keys_.file().find(tensor);
  std::vector<float> numbers(static_cast<size_t>(size));
  keys_.findings().add(quant::dequantize_row(found->type, found->bytes, numbers)
                           .with_context(fmt::format("tensor '{}'", tensor)));
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (std::isfinite(numbers[i]) && (!positive || numbers[i] > 0.0F)) continue;
    keys_.findings().add(corrupt(fmt::format("tensor '{}' has {} at index {}, expected a {}number",
                                             tensor, numbers[i], i, positive ? "positive " : "")));
    return;
  }
}

ValueId DecoderBuilder::embedding() {
  require("token_embd.weight", h_.vocab_size, h_.width);
  const ValueId out = value("embed", h_.width);
  decoder_.ops.emplace_back(graph::Embedding{"token_embd.weight", out});
  return out;
}

void DecoderBuilder::begin_layer() {
  prefix_ = fmt::format("blk.{}.", decoder_.layers.size());
  const auto first = static_cast<int32_t>(decoder_.ops.size());
  decoder_.layers.push_back({first, first});
}

void DecoderBuilder::end_layer() {
  decoder_.layers.back().end_op = static_cast<int32_t>(decoder_.ops.size());
  prefix_.clear();
}

ValueId DecoderBuilder::emit_norm(ValueId in, const std::string& tensor, int64_t group,
                                  std::string_view name) {
  require_numbers(tensor, group, false);
  const ValueId out = value(name, width(in));
  decoder_.ops.emplace_back(graph::RmsNorm{tensor, h_.norm_epsilon, group, in, out});
  return out;
}

ValueId DecoderBuilder::rms_norm(ValueId in, std::string_view tensor) {
  return emit_norm(in, in_layer(tensor) + ".weight", width(in), tensor);
}

Qkv DecoderBuilder::norm_heads(const Qkv& qkv) {
  return {emit_norm(qkv.q, in_layer("attn_q_norm.weight"), h_.head_dim, "q_norm"),
          emit_norm(qkv.k, in_layer("attn_k_norm.weight"), h_.head_dim, "k_norm"), qkv.v};
}

std::vector<ValueId> DecoderBuilder::linear(ValueId in, const std::string& tensor,
                                            Parallel parallel, std::initializer_list<Part> parts,
                                            const std::string& bias) {
  graph::Linear op{tensor + ".weight", "", parallel, width(in), in, {}};
  std::vector<ValueId> outs;
  int64_t rows = 0;
  for (const Part& part : parts) {
    outs.push_back(value(part.name, part.width));
    op.parts.push_back({part.role, part.width, part.head_width, outs.back()});
    rows += part.width;
  }
  require(op.weight, rows, op.in_width);
  if (has(bias)) {
    op.bias = bias;
    require_numbers(bias, rows, false);
  }
  decoder_.ops.emplace_back(std::move(op));
  return outs;
}

Qkv DecoderBuilder::qkv(ValueId in) {
  const Part q{LinearRole::attn_q, h_.heads * h_.head_dim, h_.head_dim, "q"};
  const Part k{LinearRole::attn_k, h_.kv_heads * h_.head_dim, h_.head_dim, "k"};
  const Part v{LinearRole::attn_v, h_.kv_heads * h_.value_head_dim, h_.value_head_dim, "v"};
  if (has(in_layer("attn_qkv.weight"))) {
    const auto outs = linear(in, in_layer("attn_qkv"), Parallel::column, {q, k, v});
    return {outs[0], outs[1], outs[2]};
  }
  const auto separate = [&](const char* tensor, const Part& part) {
    return linear(in, in_layer(tensor), Parallel::column, {part}).front();
  };
  const ValueId q_out = separate("attn_q", q);
  const ValueId k_out = separate("attn_k", k);
  return {q_out, k_out, separate("attn_v", v)};
}

ValueId DecoderBuilder::rope(ValueId in, int64_t heads, const RopeForm& form,
                             std::string_view name) {
  graph::Rope op{.pairs = form.pairs,
                 .heads = heads,
                 .head_dim = h_.head_dim,
                 .rotary_dim = h_.rotary_dim,
                 .freq_base = form.base,
                 .factors = form.factors,
                 .in = in,
                 .out = -1};
  if (form.scaled) {
    op.freq_scale = 1.0F / h_.rope_factor;
    op.attention_factor = h_.rope_attention_factor;
    if (h_.rope_scaling == RopeScaling::yarn) {
      op.ext_factor = 1.0F;
      op.beta_fast = h_.yarn_beta_fast;
      op.beta_slow = h_.yarn_beta_slow;
      op.original_context = h_.rope_original_context;
    }
  }
  op.out = value(name, width(in));
  decoder_.ops.emplace_back(op);
  return op.out;
}

Qkv DecoderBuilder::rope(const Qkv& qkv, const RopeForm& form) {
  const ValueId q = rope(qkv.q, h_.heads, form, "q_rope");
  return {q, rope(qkv.k, h_.kv_heads, form, "k_rope"), qkv.v};
}

int32_t DecoderBuilder::kv_group(int64_t window) {
  auto& groups = decoder_.kv_groups;
  const auto same = std::find_if(groups.begin(), groups.end(), [=](const graph::KvGroup& group) {
    return group.window == window;
  });
  if (same != groups.end()) return static_cast<int32_t>(same - groups.begin());
  groups.push_back({window});
  return static_cast<int32_t>(groups.size() - 1);
}

ValueId DecoderBuilder::attention(const Qkv& qkv, const AttentionForm& form) {
  const auto kv_layer = static_cast<int32_t>(decoder_.kv_layers.size());
  decoder_.kv_layers.push_back(
      {h_.kv_heads, h_.head_dim, h_.value_head_dim, kv_group(form.window)});
  const ValueId out = value("attn", h_.heads * h_.value_head_dim);
  decoder_.ops.emplace_back(graph::Attention{h_.heads, h_.kv_heads, h_.head_dim, h_.value_head_dim,
                                             form.scale, form.soft_cap, form.window, kv_layer,
                                             qkv.q, qkv.k, qkv.v, out});
  const Part projection{LinearRole::attn_output, h_.width, 1, "attn_output"};
  return linear(out, in_layer("attn_output"), Parallel::row, {projection}).front();
}

ValueId DecoderBuilder::activate(ValueId gate, ValueId up, graph::Activation activation) {
  const ValueId gated = value("ffn_gated", h_.ffn_width);
  decoder_.ops.emplace_back(graph::GatedActivation{activation, gate, up, gated});
  const Part down{LinearRole::ffn_down, h_.width, 1, "ffn_down"};
  return linear(gated, in_layer("ffn_down"), Parallel::row, {down}).front();
}

ValueId DecoderBuilder::gated_mlp(ValueId in, graph::Activation activation) {
  const Part gate{LinearRole::ffn_gate, h_.ffn_width, 1, "ffn_gate"};
  const Part up{LinearRole::ffn_up, h_.ffn_width, 1, "ffn_up"};
  const ValueId gate_out = linear(in, in_layer("ffn_gate"), Parallel::column, {gate}).front();
  const ValueId up_out = linear(in, in_layer("ffn_up"), Parallel::column, {up}).front();
  return activate(gate_out, up_out, activation);
}

ValueId DecoderBuilder::fused_gated_mlp(ValueId in, graph::Activation activation) {
  const Part gate{LinearRole::ffn_gate, h_.ffn_width, 1, "ffn_gate"};
  const Part up{LinearRole::ffn_up, h_.ffn_width, 1, "ffn_up"};
  const auto outs = linear(in, in_layer("ffn_up"), Parallel::column, {gate, up});
  return activate(outs[0], outs[1], activation);
}

ValueId DecoderBuilder::add(ValueId a, ValueId b, std::string_view name) {
  const ValueId out = value(name, width(a));
  decoder_.ops.emplace_back(graph::Add{a, b, out});
  return out;
}

ValueId DecoderBuilder::scale(ValueId in, float factor, std::string_view name) {
  const ValueId out = value(name, width(in));
  decoder_.ops.emplace_back(graph::Scale{factor, in, out});
  return out;
}

void DecoderBuilder::head(ValueId in, float soft_cap) {
  decoder_.head_op = static_cast<int32_t>(decoder_.ops.size());
  const ValueId normed = rms_norm(in, "output_norm");
  const bool tied = !has("output.weight");
  const bool capped = soft_cap > 0.0F;
  const Part part{LinearRole::head, h_.vocab_size, 1, capped ? "head" : "logits"};
  decoder_.logits =
      linear(normed, tied ? "token_embd" : "output", Parallel::column, {part}, "output.bias")
          .front();
  if (capped) {
    const ValueId out = value("logits", h_.vocab_size);
    decoder_.ops.emplace_back(graph::SoftCap{soft_cap, decoder_.logits, out});
    decoder_.logits = out;
  }
}

std::string DecoderBuilder::rope_factors() {
  const int64_t pairs = h_.rotary_dim / 2;
  std::string always = "rope_freqs.weight";
  if (has(always)) {
    require_numbers(always, pairs, true);
    return always;
  }
  const std::string long_form = "rope_factors_long.weight";
  const std::string short_form = "rope_factors_short.weight";
  if (!has(long_form) && !has(short_form)) return "";
  require_numbers(long_form, pairs, true);
  require_numbers(short_form, pairs, true);
  return context_length_ > h_.rope_original_context ? long_form : short_form;
}

graph::Decoder DecoderBuilder::finish() {
  for (const quant::TensorView& tensor : keys_.file().tensors()) {
    if (used_.count(std::string(tensor.name)) != 0) continue;
    keys_.findings().add(unsupported(fmt::format("tensor '{}' is no part of the architecture {}",
                                                 tensor.name, h_.architecture)));
  }
  return std::move(decoder_);
}

}  // namespace ix::model
