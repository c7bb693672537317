#include "backend/cpu/plan.h"

#include <algorithm>

#include "graph/rope.h"

namespace ix::backend::cpu {
namespace {

class PlanBuilder {
 public:
  PlanBuilder(const CpuModel& model, const StepBuffers& buffers, const MatrixKernels& matrix)
      : model_(model), decoder_(model.decoder()), buffers_(buffers), matrix_(matrix) {}

  Plan build(const BufferSizes& sizes) {
    plan_.rows_per_tile = rows_per_tile(sizes.group_heads);
    add_angles();
    for (op_ = 0; op_ < decoder_.ops.size(); ++op_) {
      if (op_ == static_cast<size_t>(decoder_.head_op)) {
        flush_bias();
        in_head_ = true;
      }
      std::visit([this](const auto& op) { add(op); }, decoder_.ops[op_]);
    }
    flush_bias();
    for (const graph::ValueId id : sizes.slots.carried) {
      plan_.carried.push_back(
          {.from = buffers_.value(id, false), .to = buffers_.value(id, true), .width = width(id)});
    }
    plan_.logits = buffers_.value(decoder_.logits, true);
    return std::move(plan_);
  }

 private:
  Rows value(graph::ValueId id) const { return buffers_.value(id, in_head_); }
  int64_t width(graph::ValueId id) const { return decoder_.values[static_cast<size_t>(id)].width; }
  std::vector<Stage>& stages() { return in_head_ ? plan_.head : plan_.body; }

  // Row ops that follow each other are one stage.
  RowOp& row_op(RowOpKind kind) {
    flush_bias();
    return push_row_op(kind);
  }

  // From one value to another of the same width.
  RowOp& row_op(RowOpKind kind, graph::ValueId in, graph::ValueId out) {
    RowOp& op = row_op(kind);
    op.a = value(in);
    op.out = value(out);
    op.width = width(out);
    return op;
  }

  RowOp& push_row_op(RowOpKind kind) {
    if (stages().empty() || stages().back().kind != StageKind::row_ops) {
      stages().push_back({StageKind::row_ops, plan_.row_ops.size(), plan_.row_ops.size()});
    }
    ++stages().back().end;
    return plan_.row_ops.emplace_back(RowOp{.kind = kind});
  }

  // Biases wait until the linears of a stage are complete.
  void flush_bias() {
    for (const PendingBias& pending : pending_) {
      RowOp& op = push_row_op(RowOpKind::add_bias);
      op.a = pending.rows;
      op.out = pending.rows;
      op.width = pending.width;
      op.weight = pending.bias;
    }
    pending_.clear();
  }

  void add_angles() {
    for (const graph::Op& any : decoder_.ops) {
      const auto* rope = std::get_if<graph::Rope>(&any);
      if (rope == nullptr || table_of(*rope) < tables_.size()) continue;
      const graph::RopeTable table = graph::rope_table(
          *rope, rope->factors.empty() ? std::span<const float>() : model_.floats(rope->factors));
      tables_.push_back(rope);
      plan_.rope_frequencies.push_back(table.frequencies);
      const auto index = static_cast<int64_t>(tables_.size()) - 1;
      RowOp& op = row_op(RowOpKind::rope_angles);
      op.out = buffers_.cosine(index);
      op.b = buffers_.sine(index);
      op.half = rope->rotary_dim / 2;
      // A moved vector keeps its elements where they are.
      op.weight = plan_.rope_frequencies.back().data();
      op.number = table.magnitude;
    }
  }

  size_t table_of(const graph::Rope& rope) const {
    size_t i = 0;
    while (i < tables_.size() && !same_angles(*tables_[i], rope)) ++i;
    return i;
  }

  void add(const graph::Embedding& embedding) {
    RowOp& op = row_op(RowOpKind::embedding);
    op.embedding = &model_.embedding(embedding.weight);
    op.out = value(embedding.out);
    op.width = width(embedding.out);
  }

  void add(const graph::RmsNorm& norm) {
    RowOp& op = row_op(RowOpKind::rms_norm, norm.in, norm.out);
    op.width = norm.group;
    op.heads = width(norm.in) / norm.group;
    op.number = norm.eps;
    op.weight = model_.floats(norm.weight).data();
  }

  void add(const graph::Linear& linear) {
    if (!stages().empty() && stages().back().kind == StageKind::linear &&
        last_linear_in_ == linear.in) {
      // The input's activations are there already, unless a new kind is needed.
      add_products(linear);
      return;
    }
    flush_bias();
    quantize_for(linear.in);
    stages().push_back({StageKind::linear, plan_.linears.size(), plan_.linears.size() + 1});
    plan_.linears.emplace_back();
    last_linear_in_ = linear.in;
    add_products(linear);
  }

  // Quantises a value in every form that the linears which follow each other and read it need.
  void quantize_for(graph::ValueId in) {
    bool needed[kActivationKinds] = {};
    for (size_t i = op_; i < decoder_.ops.size(); ++i) {
      const auto* linear = std::get_if<graph::Linear>(&decoder_.ops[i]);
      if (linear == nullptr || linear->in != in) break;
      for (const LinearWeight& weight : model_.linear(i)) {
        if (weight.packed) needed[static_cast<int>(weight.packed->activation())] = true;
      }
    }
    for (int kind = 0; kind < kActivationKinds; ++kind) {
      if (!needed[kind]) continue;
      RowOp& op = row_op(RowOpKind::quantize);
      op.a = value(in);
      op.width = width(in);
      op.quantize = matrix_.quantize[kind];
      op.activation = static_cast<ActivationKind>(kind);
      op.activations = buffers_.activations(op.activation);
    }
  }

  void add_products(const graph::Linear& linear) {
    const std::span<const LinearWeight> weights = model_.linear(op_);
    const Rows in = value(linear.in);
    for (size_t i = 0; i < linear.parts.size(); ++i) {
      const LinearWeight& weight = weights[i];
      const Rows out = value(linear.parts[i].out);
      Product product{.weight = &weight,
                      .activations = nullptr,
                      .in = in.data,
                      .in_stride = in.stride,
                      .out = out.data,
                      .out_stride = out.stride};
      if (weight.packed) {
        product.activations = buffers_.activations(weight.packed->activation());
      }
      plan_.linears.back().products.push_back(product);
    }
    if (linear.bias.empty()) return;
    const float* bias = model_.floats(linear.bias).data();
    for (const graph::LinearPart& part : linear.parts) {
      pending_.push_back({value(part.out), part.width, bias});
      bias += part.width;
    }
  }

  void add(const graph::Rope& rope) {
    const auto table = static_cast<int64_t>(table_of(rope));
    const auto kind = rope.pairs == graph::RopePairs::halves ? RowOpKind::rope_halves
                                                             : RowOpKind::rope_interleaved;
    RowOp& op = row_op(kind, rope.in, rope.out);
    op.b = buffers_.cosine(table);
    op.c = buffers_.sine(table);
    op.width = rope.head_dim;
    op.heads = rope.heads;
    op.half = rope.rotary_dim / 2;
  }

  void add(const graph::Attention& attention) {
    const graph::KvLayer& layer = decoder_.kv_layers[static_cast<size_t>(attention.kv_layer)];
    RowOp& op = row_op(RowOpKind::store_key_value);
    op.a = value(attention.k);
    op.b = value(attention.v);
    op.kv_layer = attention.kv_layer;
    op.kv_group = layer.group;
    const Rows q = value(attention.q);
    const Rows out = value(attention.out);
    stages().push_back(
        {StageKind::attention, plan_.attentions.size(), plan_.attentions.size() + 1});
    plan_.attentions.push_back({.heads = attention.heads,
                                .kv_heads = attention.kv_heads,
                                .head_dim = attention.head_dim,
                                .value_head_dim = attention.value_head_dim,
                                .scale = attention.scale,
                                .soft_cap = attention.soft_cap,
                                .window = attention.window,
                                .kv_layer = attention.kv_layer,
                                .kv_group = layer.group,
                                .q = q.data,
                                .q_stride = q.stride,
                                .out = out.data,
                                .out_stride = out.stride});
  }

  void add(const graph::GatedActivation& gated) {
    const auto kind =
        gated.activation == graph::Activation::silu ? RowOpKind::gated_silu : RowOpKind::gated_gelu;
    row_op(kind, gated.gate, gated.out).b = value(gated.up);
  }

  void add(const graph::Add& add_op) {
    row_op(RowOpKind::add, add_op.a, add_op.out).b = value(add_op.b);
  }

  void add(const graph::Scale& scale) {
    row_op(RowOpKind::scale, scale.in, scale.out).number = scale.factor;
  }

  void add(const graph::SoftCap& cap) {
    row_op(RowOpKind::soft_cap, cap.in, cap.out).number = cap.cap;
  }

  struct PendingBias {
    Rows rows;
    int64_t width;
    const float* bias;
  };

  const CpuModel& model_;
  const graph::Decoder& decoder_;
  const StepBuffers& buffers_;
  const MatrixKernels& matrix_;
  Plan plan_;
  size_t op_ = 0;
  bool in_head_ = false;
  graph::ValueId last_linear_in_ = -1;
  std::vector<const graph::Rope*> tables_;
  std::vector<PendingBias> pending_;
};

}  // namespace

Plan make_plan(const CpuModel& model, const BufferSizes& sizes, const StepBuffers& buffers,
               const MatrixKernels& matrix) {
  return PlanBuilder(model, buffers, matrix).build(sizes);
}

}  // namespace ix::backend::cpu
