#include "doctor/tiny_model.h"

#include <cmath>

#include "base/check.h"

namespace ix::cli::doctor {
namespace {

using graph::LinearRole;
using graph::Parallel;
using graph::ValueId;

constexpr int64_t kVocabulary = 512;
constexpr int64_t kWidth = 64;
constexpr int64_t kHeads = 4;
constexpr int64_t kKvHeads = 2;
constexpr int64_t kHeadWidth = 16;
constexpr int64_t kFfn = 128;
constexpr int kLayers = 2;

}  // namespace

void TinyModel::add_weight(const std::string& name, std::vector<int64_t> dims, float low,
                           float high) {
  int64_t count = 1;
  for (const int64_t dim : dims) count *= dim;
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) {
    // Knuth's linear congruential generator; its high bits.
    random_ = random_ * 6364136223846793005U + 1442695040888963407U;
    value = low + (high - low) * static_cast<float>(random_ >> 40) * 0x1p-24F;
  }
  weights_.emplace(name, Weight{std::move(dims), std::move(values)});
}

Result<quant::TensorView> TinyModel::find(std::string_view name) const {
  const auto found = weights_.find(name);
  if (found == weights_.end()) return not_found("no tensor " + std::string(name));
  quant::TensorView view;
  view.name = found->first;
  view.type = quant::TensorType::f32;
  for (size_t i = 0; i < found->second.dims.size(); ++i) view.dims[i] = found->second.dims[i];
  view.bytes = std::as_bytes(std::span(found->second.values));
  return view;
}

ValueId TinyModel::value(const std::string& name, int64_t width) {
  decoder_.values.push_back({width, name});
  return static_cast<ValueId>(decoder_.values.size()) - 1;
}

ValueId TinyModel::norm(const std::string& name, ValueId in) {
  add_weight(name, {kWidth}, 0.5F, 1.5F);
  const ValueId out = value(name, kWidth);
  decoder_.ops.emplace_back(graph::RmsNorm{name, 1e-6F, kWidth, in, out});
  return out;
}

ValueId TinyModel::linear(const std::string& name, LinearRole role, ValueId in, int64_t width) {
  const int64_t in_width = decoder_.values[static_cast<size_t>(in)].width;
  // Of standard deviation 1 / sqrt(in_width): values keep their size.
  const float range = std::sqrt(3.0F / static_cast<float>(in_width));
  add_weight(name, {in_width, width}, -range, range);
  const bool by_row = role == LinearRole::attn_output || role == LinearRole::ffn_down;
  const ValueId out = value(name, width);
  decoder_.ops.emplace_back(graph::Linear{
      name, "", by_row ? Parallel::row : Parallel::column, in_width, in, {{role, width, 1, out}}});
  return out;
}

ValueId TinyModel::rope(ValueId in) {
  const int64_t width = decoder_.values[static_cast<size_t>(in)].width;
  const ValueId out = value("rope", width);
  decoder_.ops.emplace_back(graph::Rope{.pairs = graph::RopePairs::halves,
                                        .heads = width / kHeadWidth,
                                        .head_dim = kHeadWidth,
                                        .rotary_dim = kHeadWidth,
                                        .freq_base = 10000.0F,
                                        .factors = "",
                                        .in = in,
                                        .out = out});
  return out;
}

ValueId TinyModel::add(ValueId a, ValueId b) {
  const ValueId out = value("sum", kWidth);
  decoder_.ops.emplace_back(graph::Add{a, b, out});
  return out;
}

ValueId TinyModel::attention(const std::string& layer, ValueId in) {
  const ValueId q = rope(linear(layer + "q", LinearRole::attn_q, in, kHeads * kHeadWidth));
  const ValueId k = rope(linear(layer + "k", LinearRole::attn_k, in, kKvHeads * kHeadWidth));
  const ValueId v = linear(layer + "v", LinearRole::attn_v, in, kKvHeads * kHeadWidth);
  const ValueId out = value(layer + "attention", kHeads * kHeadWidth);
  const auto kv_layer = static_cast<int32_t>(decoder_.kv_layers.size());
  decoder_.kv_layers.push_back({kKvHeads, kHeadWidth, kHeadWidth, 0});
  decoder_.ops.emplace_back(graph::Attention{.heads = kHeads,
                                             .kv_heads = kKvHeads,
                                             .head_dim = kHeadWidth,
                                             .value_head_dim = kHeadWidth,
                                             .scale = 0.25F,  // 1 / sqrt(kHeadWidth)
                                             .soft_cap = 0,
                                             .window = 0,
                                             .kv_layer = kv_layer,
                                             .q = q,
                                             .k = k,
                                             .v = v,
                                             .out = out});
  return linear(layer + "o", LinearRole::attn_output, out, kWidth);
}

ValueId TinyModel::feed_forward(const std::string& layer, ValueId in) {
  const ValueId gate = linear(layer + "gate", LinearRole::ffn_gate, in, kFfn);
  const ValueId up = linear(layer + "up", LinearRole::ffn_up, in, kFfn);
  const ValueId gated = value(layer + "gated", kFfn);
  decoder_.ops.emplace_back(graph::GatedActivation{graph::Activation::silu, gate, up, gated});
  return linear(layer + "down", LinearRole::ffn_down, gated, kWidth);
}

TinyModel::TinyModel() {
  decoder_.architecture = "tiny";
  decoder_.vocab_size = kVocabulary;
  decoder_.context_length = 4096;
  decoder_.kv_groups = {{.window = 0}};
  const float range = std::sqrt(3.0F);
  add_weight("embed", {kWidth, kVocabulary}, -range, range);
  ValueId x = value("embed", kWidth);
  decoder_.ops.emplace_back(graph::Embedding{"embed", x});
  for (int i = 0; i < kLayers; ++i) {
    const std::string layer = "layer" + std::to_string(i) + ".";
    const auto first_op = static_cast<int32_t>(decoder_.ops.size());
    x = add(x, attention(layer, norm(layer + "attn_norm", x)));
    x = add(x, feed_forward(layer, norm(layer + "ffn_norm", x)));
    decoder_.layers.push_back({first_op, static_cast<int32_t>(decoder_.ops.size())});
  }
  decoder_.head_op = static_cast<int32_t>(decoder_.ops.size());
  decoder_.logits = linear("output", LinearRole::head, norm("output_norm", x), kVocabulary);
  IX_CHECK(graph::verify(decoder_).ok());
}

}  // namespace ix::cli::doctor
