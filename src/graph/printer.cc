#include <fmt/format.h>

#include "graph/decoder.h"

namespace ix::graph {
namespace {

const char* name_of(LinearRole role) {
  switch (role) {
    case LinearRole::attn_q:
      return "attn_q";
    case LinearRole::attn_k:
      return "attn_k";
    case LinearRole::attn_v:
      return "attn_v";
    case LinearRole::attn_output:
      return "attn_output";
    case LinearRole::ffn_gate:
      return "ffn_gate";
    case LinearRole::ffn_up:
      return "ffn_up";
    case LinearRole::ffn_down:
      return "ffn_down";
    case LinearRole::head:
      return "head";
  }
  return "?";
}

const char* name_of(Parallel parallel) {
  switch (parallel) {
    case Parallel::none:
      return "none";
    case Parallel::column:
      return "column";
    case Parallel::row:
      return "row";
  }
  return "?";
}

// Prints any graph, broken ones too: a value that does not exist is shown as "?7".
class Printer {
 public:
  explicit Printer(const Decoder& decoder) : decoder_(decoder) {}

  std::string operator()(const Embedding& op) const {
    return fmt::format("{} = embedding {}", out(op.out), op.weight);
  }
  std::string operator()(const RmsNorm& op) const {
    std::string attributes = fmt::format("eps {}", op.eps);
    if (op.group != width(op.in)) attributes += fmt::format(", group {}", op.group);
    return fmt::format("{} = rms_norm {} ({}) {}", out(op.out), op.weight, attributes, in(op.in));
  }
  std::string operator()(const Linear& op) const {
    std::string outs;
    std::string roles;
    for (const LinearPart& part : op.parts) {
      if (!outs.empty()) outs += ", ";
      if (!roles.empty()) roles += " + ";
      outs += out(part.out);
      roles += name_of(part.role);
    }
    const std::string bias = op.bias.empty() ? "" : " + " + op.bias;
    return fmt::format("{} = linear {}{} ({}, {}) {}", outs, op.weight, bias, name_of(op.parallel),
                       roles, in(op.in));
  }
  std::string operator()(const Rope& op) const {
    std::string attributes =
        fmt::format("{}, {} heads x {}, rotary {}, base {}",
                    op.pairs == RopePairs::interleaved ? "interleaved" : "halves", op.heads,
                    op.head_dim, op.rotary_dim, op.freq_base);
    if (op.freq_scale != 1.0F) attributes += fmt::format(", scale {}", op.freq_scale);
    if (op.attention_factor != 1.0F) attributes += fmt::format(", factor {}", op.attention_factor);
    if (op.ext_factor != 0.0F) {
      attributes += fmt::format(", yarn {} from {} to {} over {}", op.ext_factor, op.beta_fast,
                                op.beta_slow, op.original_context);
    }
    const std::string factors = op.factors.empty() ? "" : op.factors + " ";
    return fmt::format("{} = rope {}({}) {}", out(op.out), factors, attributes, in(op.in));
  }
  std::string operator()(const Attention& op) const {
    std::string attributes = fmt::format("kv {}, {} heads x {}, {} kv heads", op.kv_layer, op.heads,
                                         op.head_dim, op.kv_heads);
    if (op.value_head_dim != op.head_dim) attributes += fmt::format(" x {}", op.value_head_dim);
    attributes += fmt::format(", scale {}", op.scale);
    if (op.soft_cap != 0.0F) attributes += fmt::format(", soft cap {}", op.soft_cap);
    if (op.window != 0) attributes += fmt::format(", window {}", op.window);
    return fmt::format("{} = attention ({}) {} {} {}", out(op.out), attributes, in(op.q), in(op.k),
                       in(op.v));
  }
  std::string operator()(const GatedActivation& op) const {
    return fmt::format("{} = gated ({}) {} {}", out(op.out),
                       op.activation == Activation::silu ? "silu" : "gelu_tanh", in(op.gate),
                       in(op.up));
  }
  std::string operator()(const Add& op) const {
    return fmt::format("{} = add {} {}", out(op.out), in(op.a), in(op.b));
  }
  std::string operator()(const Scale& op) const {
    return fmt::format("{} = scale ({}) {}", out(op.out), op.factor, in(op.in));
  }
  std::string operator()(const SoftCap& op) const {
    return fmt::format("{} = soft_cap ({}) {}", out(op.out), op.cap, in(op.in));
  }

 private:
  const Value* find(ValueId id) const {
    const bool known = id >= 0 && static_cast<size_t>(id) < decoder_.values.size();
    return known ? &decoder_.values[static_cast<size_t>(id)] : nullptr;
  }
  int64_t width(ValueId id) const { return find(id) ? find(id)->width : -1; }
  std::string in(ValueId id) const { return find(id) ? find(id)->name : fmt::format("?{}", id); }
  std::string out(ValueId id) const { return fmt::format("{} [{}]", in(id), width(id)); }

  const Decoder& decoder_;
};

}  // namespace

std::string to_text(const Decoder& decoder) {
  std::string text;
  for (const Op& op : decoder.ops) {
    text += std::visit(Printer(decoder), op);
    text += '\n';
  }
  return text;
}

}  // namespace ix::graph
