#include <fmt/format.h>

#include <cmath>

#include "base/checked_math.h"
#include "graph/decoder.h"

namespace ix::graph {
namespace {

template <typename... Args>
Status broken(fmt::format_string<Args...> format, Args&&... args) {
  return internal_error(fmt::format(format, std::forward<Args>(args)...));
}

bool is_product(int64_t product, int64_t a, int64_t b) {
  return a > 0 && b > 0 && checked_mul(a, b) == product;
}

bool positive(float x) { return std::isfinite(x) && x > 0.0F; }
bool not_negative(float x) { return std::isfinite(x) && x >= 0.0F; }

// Walks the ops in order and keeps which values are written so far.
class Verifier {
 public:
  explicit Verifier(const Decoder& decoder)
      : decoder_(decoder),
        written_(decoder.values.size(), false),
        attention_of_layer_(decoder.kv_layers.size(), -1) {}

  Status run() {
    IX_RETURN_IF_ERROR(check_values());
    IX_RETURN_IF_ERROR(check_kv());
    IX_RETURN_IF_ERROR(check_ranges());
    for (op_ = 0; op_ < static_cast<int32_t>(decoder_.ops.size()); ++op_) {
      const auto check = [this](const auto& op) { return check_op(op); };
      IX_RETURN_IF_ERROR(std::visit(check, decoder_.ops[static_cast<size_t>(op_)])
                             .with_context(fmt::format("op {}", op_)));
    }
    return check_end();
  }

 private:
  Status check_values() const {
    for (size_t i = 0; i < decoder_.values.size(); ++i) {
      if (decoder_.values[i].width <= 0) {
        return broken("value {} \"{}\" has width {}", i, decoder_.values[i].name,
                      decoder_.values[i].width);
      }
    }
    return ok_status();
  }

  Status check_kv() const {
    const auto groups = static_cast<int64_t>(decoder_.kv_groups.size());
    for (size_t i = 0; i < decoder_.kv_groups.size(); ++i) {
      if (decoder_.kv_groups[i].window < 0) {
        return broken("KV group {} has window {}", i, decoder_.kv_groups[i].window);
      }
    }
    for (size_t i = 0; i < decoder_.kv_layers.size(); ++i) {
      const KvLayer& layer = decoder_.kv_layers[i];
      if (layer.group < 0 || layer.group >= groups) {
        return broken("KV layer {} is in group {} of {}", i, layer.group, groups);
      }
    }
    return ok_status();
  }

  // Layers follow each other without a gap, and the head follows the last one to the end.
  Status check_ranges() const {
    if (decoder_.vocab_size <= 0) return broken("vocabulary of {}", decoder_.vocab_size);
    const auto ops = static_cast<int32_t>(decoder_.ops.size());
    if (decoder_.head_op < 0 || decoder_.head_op >= ops) {
      return broken("the head starts at op {} of {}", decoder_.head_op, ops);
    }
    if (decoder_.layers.empty()) return broken("no layers");
    if (decoder_.layers.front().first_op < 0) return broken("layer 0 starts before the first op");
    int32_t next = decoder_.layers.front().first_op;
    for (size_t i = 0; i < decoder_.layers.size(); ++i) {
      const LayerRange& layer = decoder_.layers[i];
      if (layer.first_op != next || layer.end_op <= layer.first_op) {
        return broken("layer {} has ops [{}, {}), expected to start at {}", i, layer.first_op,
                      layer.end_op, next);
      }
      next = layer.end_op;
    }
    if (next != decoder_.head_op) {
      return broken("the layers end at op {} and the head starts at {}", next, decoder_.head_op);
    }
    return ok_status();
  }

  Status check_end() const {
    if (head_linears_ != 1) return broken("{} head linears, expected one", head_linears_);
    for (size_t i = 0; i < written_.size(); ++i) {
      if (!written_[i]) return broken("value \"{}\" is never written", decoder_.values[i].name);
    }
    for (size_t i = 0; i < attention_of_layer_.size(); ++i) {
      if (attention_of_layer_[i] < 0) return broken("no attention uses KV layer {}", i);
    }
    if (!known(decoder_.logits)) return broken("logits is value {}", decoder_.logits);
    if (width(decoder_.logits) != decoder_.vocab_size) {
      return broken("logits have width {}, the vocabulary {}", width(decoder_.logits),
                    decoder_.vocab_size);
    }
    if (decoder_.logits != last_written_) return broken("the last op does not write the logits");
    return ok_status();
  }

  Status check_op(const Embedding& op) {
    IX_RETURN_IF_ERROR(weight(op.weight));
    if (in_head()) return broken("an embedding in the head");
    return write(op.out);
  }

  Status check_op(const RmsNorm& op) {
    IX_RETURN_IF_ERROR(weight(op.weight));
    IX_RETURN_IF_ERROR(read(op.in));
    if (op.group <= 0 || width(op.in) % op.group != 0) {
      return broken("width {} is not a multiple of the norm's group {}", width(op.in), op.group);
    }
    if (!not_negative(op.eps)) return broken("epsilon {}", op.eps);
    return write(op.out, width(op.in));
  }

  Status check_op(const Linear& op) {
    IX_RETURN_IF_ERROR(weight(op.weight));
    IX_RETURN_IF_ERROR(read(op.in, op.in_width));
    if (op.parts.empty()) return broken("linear {} has no parts", op.weight);
    for (const LinearPart& part : op.parts) {
      if (part.head_width <= 0 || part.width % part.head_width != 0) {
        return broken("part of {} with width {} is not a multiple of its head width {}", op.weight,
                      part.width, part.head_width);
      }
      if (part.role == LinearRole::head) {
        ++head_linears_;
        if (!in_head()) return broken("the head linear {} stands before the head", op.weight);
      }
      IX_RETURN_IF_ERROR(write(part.out, part.width));
    }
    return ok_status();
  }

  Status check_op(const Rope& op) {
    IX_RETURN_IF_ERROR(read(op.in));
    if (!is_product(width(op.in), op.heads, op.head_dim)) {
      return broken("rope of {} heads x {} on width {}", op.heads, op.head_dim, width(op.in));
    }
    if (op.rotary_dim <= 0 || op.rotary_dim % 2 != 0 || op.rotary_dim > op.head_dim) {
      return broken("rope turns {} of {} columns", op.rotary_dim, op.head_dim);
    }
    if (!positive(op.freq_base) || !positive(op.freq_scale) || !positive(op.attention_factor)) {
      return broken("rope with base {}, scale {}, attention factor {}", op.freq_base, op.freq_scale,
                    op.attention_factor);
    }
    if (!not_negative(op.ext_factor)) return broken("YaRN with factor {}", op.ext_factor);
    if (op.ext_factor > 0.0F && (op.original_context <= 0 || op.freq_base <= 1.0F ||
                                 !positive(op.beta_fast) || !positive(op.beta_slow))) {
      return broken("YaRN with original context {}, base {}, beta {} to {}", op.original_context,
                    op.freq_base, op.beta_fast, op.beta_slow);
    }
    return write(op.out, width(op.in));
  }

  Status check_op(const Attention& op) {
    if (in_head()) return broken("attention in the head");
    if (op.kv_heads <= 0 || op.heads <= 0 || op.heads % op.kv_heads != 0) {
      return broken("{} heads do not divide over {} KV heads", op.heads, op.kv_heads);
    }
    IX_RETURN_IF_ERROR(read(op.q));
    IX_RETURN_IF_ERROR(read(op.k));
    IX_RETURN_IF_ERROR(read(op.v));
    if (!is_product(width(op.q), op.heads, op.head_dim) ||
        !is_product(width(op.k), op.kv_heads, op.head_dim) ||
        !is_product(width(op.v), op.kv_heads, op.value_head_dim)) {
      return broken("attention of {} heads x {}, {} KV heads, values x {} on widths {}, {}, {}",
                    op.heads, op.head_dim, op.kv_heads, op.value_head_dim, width(op.q), width(op.k),
                    width(op.v));
    }
    if (!positive(op.scale) || !not_negative(op.soft_cap)) {
      return broken("attention with scale {} and soft cap {}", op.scale, op.soft_cap);
    }
    IX_RETURN_IF_ERROR(check_kv_layer(op));
    const auto out_width = checked_mul(op.heads, op.value_head_dim);
    return write(op.out, out_width.value_or(-1));
  }

  Status check_kv_layer(const Attention& op) {
    if (op.kv_layer < 0 || static_cast<size_t>(op.kv_layer) >= decoder_.kv_layers.size()) {
      return broken("attention on KV layer {} of {}", op.kv_layer, decoder_.kv_layers.size());
    }
    const auto index = static_cast<size_t>(op.kv_layer);
    const KvLayer& layer = decoder_.kv_layers[index];
    if (layer.kv_heads != op.kv_heads || layer.head_dim != op.head_dim ||
        layer.value_head_dim != op.value_head_dim) {
      return broken("KV layer {} has {} heads x {} and {}, its attention {} x {} and {}",
                    op.kv_layer, layer.kv_heads, layer.head_dim, layer.value_head_dim, op.kv_heads,
                    op.head_dim, op.value_head_dim);
    }
    const int64_t window = decoder_.kv_groups[static_cast<size_t>(layer.group)].window;
    if (window != op.window) {
      return broken("KV layer {} keeps a window of {}, its attention reads {}", op.kv_layer, window,
                    op.window);
    }
    if (attention_of_layer_[index] >= 0) {
      return broken("KV layer {} is written by ops {} and {}", op.kv_layer,
                    attention_of_layer_[index], op_);
    }
    attention_of_layer_[index] = op_;
    return ok_status();
  }

  Status check_op(const GatedActivation& op) {
    IX_RETURN_IF_ERROR(read(op.gate));
    IX_RETURN_IF_ERROR(read(op.up, width(op.gate)));
    return write(op.out, width(op.gate));
  }

  Status check_op(const Add& op) {
    IX_RETURN_IF_ERROR(read(op.a));
    IX_RETURN_IF_ERROR(read(op.b, width(op.a)));
    return write(op.out, width(op.a));
  }

  Status check_op(const Scale& op) {
    IX_RETURN_IF_ERROR(read(op.in));
    if (!std::isfinite(op.factor)) return broken("scale by {}", op.factor);
    return write(op.out, width(op.in));
  }

  Status check_op(const SoftCap& op) {
    IX_RETURN_IF_ERROR(read(op.in));
    if (!positive(op.cap)) return broken("soft cap {}", op.cap);
    return write(op.out, width(op.in));
  }

  bool in_head() const { return op_ >= decoder_.head_op; }
  bool known(ValueId id) const {
    return id >= 0 && static_cast<size_t>(id) < decoder_.values.size();
  }
  int64_t width(ValueId id) const { return decoder_.values[static_cast<size_t>(id)].width; }

  static Status weight(const std::string& name) {
    return name.empty() ? broken("a weight without a name") : ok_status();
  }

  Status read(ValueId id) const {
    if (!known(id)) return broken("reads value {}, which does not exist", id);
    const auto index = static_cast<size_t>(id);
    if (!written_[index]) {
      return broken("reads \"{}\" before it is written", decoder_.values[index].name);
    }
    return ok_status();
  }

  Status read(ValueId id, int64_t expected_width) const {
    IX_RETURN_IF_ERROR(read(id));
    if (width(id) != expected_width) {
      return broken("reads \"{}\" of width {}, expected {}",
                    decoder_.values[static_cast<size_t>(id)].name, width(id), expected_width);
    }
    return ok_status();
  }

  Status write(ValueId id) {
    if (!known(id)) return broken("writes value {}, which does not exist", id);
    const auto index = static_cast<size_t>(id);
    if (written_[index]) return broken("writes \"{}\" again", decoder_.values[index].name);
    written_[index] = true;
    last_written_ = id;
    return ok_status();
  }

  Status write(ValueId id, int64_t expected_width) {
    IX_RETURN_IF_ERROR(write(id));
    if (width(id) != expected_width) {
      return broken("writes \"{}\" of width {}, expected {}",
                    decoder_.values[static_cast<size_t>(id)].name, width(id), expected_width);
    }
    return ok_status();
  }

  const Decoder& decoder_;
  std::vector<bool> written_;                // [values]
  std::vector<int32_t> attention_of_layer_;  // [kv_layers], the op that writes it
  int32_t op_ = 0;
  int32_t head_linears_ = 0;
  ValueId last_written_ = -1;
};

}  // namespace

Status verify(const Decoder& decoder) { return Verifier(decoder).run().with_context("graph"); }

}  // namespace ix::graph
