#include "backend/xla/lowering/lowering.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "backend/step_validation.h"
#include "backend/xla/lowering/emit_attention.h"
#include "backend/xla/lowering/emit_head.h"
#include "backend/xla/lowering/emit_linear.h"
#include "backend/xla/lowering/emit_row_ops.h"
#include "backend/xla/lowering/op_range.h"

namespace ix::backend::xla {
namespace {

using graph::ValueId;
using hlo::Builder;
using hlo::ElementType;
using hlo::Op;
using hlo::Shape;

std::string program_name(const ProgramShape& shape) {
  std::string name = shape.kind == ProgramKind::prefill ? "prefill" : "decode";
  name += fmt::format("_{}x{}", shape.rows, shape.positions);
  if (shape.end_layer > shape.first_layer) {
    name += fmt::format("_layers{}", shape.end_layer - shape.first_layer);
  }
  if (shape.first_layer == 0 && shape.end_layer > 0) name += "_embed";
  if (shape.with_head) name += "_head";
  return name;
}

const char* role_name(graph::LinearRole role) {
  switch (role) {
    case graph::LinearRole::attn_q:
      return "attn_q";
    case graph::LinearRole::attn_k:
      return "attn_k";
    case graph::LinearRole::attn_v:
      return "attn_v";
    case graph::LinearRole::attn_output:
      return "attn_output";
    case graph::LinearRole::ffn_gate:
      return "ffn_gate";
    case graph::LinearRole::ffn_up:
      return "ffn_up";
    case graph::LinearRole::ffn_down:
      return "ffn_down";
    case graph::LinearRole::head:
      return "head";
  }
  return "";
}

const char* part_name(WeightPart part) {
  switch (part) {
    case WeightPart::values:
      return "weight";
    case WeightPart::scales:
      return "scales";
    case WeightPart::minimums:
      return "minimums";
    case WeightPart::bias:
      return "bias";
    case WeightPart::norm:
      return "norm";
    case WeightPart::table:
      return "table";
  }
  return "";
}

// Emits the ops of a range one after the other; inputs are added where an op first needs them.
class Lowerer {
 public:
  Lowerer(const LoweringModel& model, const ProgramShape& shape)
      : model_(model),
        decoder_(*model.decoder),
        shape_(shape),
        sequences_(shape.kind == ProgramKind::prefill ? 1 : model.cache.slots),
        rows_(sequences_ * shape.rows),
        range_(op_range(decoder_, shape)),
        b_(program_name(shape), model.plan->ranks),
        values_(decoder_.values.size()) {}

  Result<LoweredProgram> run() {
    for (const ValueId id : values_into(decoder_, range_)) {
      IX_CHECK(!model_.plan->is_split(id));
      values_[static_cast<size_t>(id)] =
          input({InputKind::hidden, id}, fmt::format("hidden{}", hidden_inputs_++),
                {ElementType::f32, {rows_, width(id)}});
    }
    for (op_ = range_.first; op_ < range_.end; ++op_) {
      if (op_ == static_cast<size_t>(decoder_.head_op)) begin_head();
      b_.set_scope(op_prefix());
      std::visit([this](const auto& op) { emit(op); }, decoder_.ops[op_]);
    }
    int hidden_outputs = 0;
    for (const ValueId id : values_out_of(decoder_, range_)) {
      output({OutputKind::hidden, id}, fmt::format("hidden{}", hidden_outputs++), value(id));
    }
    if (shape_.with_head) emit_results();
    auto module = std::move(b_).finish();
    if (!module.ok()) return module.status();
    program_.module = std::move(module).value();
    return std::move(program_);
  }

 private:
  // Inputs, in the order of the calls.
  Op input(ProgramInput what, std::string name, Shape shape) {
    program_.inputs.push_back(what);
    return b_.parameter(std::move(name), std::move(shape));
  }

  void output(ProgramOutput what, std::string name, Op result) {
    program_.outputs.push_back(what);
    b_.output(std::move(name), result);
  }

  // Names do not depend on where the range begins.
  std::string op_prefix() const {
    for (size_t layer = static_cast<size_t>(shape_.first_layer); layer < decoder_.layers.size();
         ++layer) {
      const graph::LayerRange& ops = decoder_.layers[layer];
      const auto first = static_cast<size_t>(ops.first_op);
      if (op_ >= first && op_ < static_cast<size_t>(ops.end_op)) {
        return fmt::format("layer{}.op{}", layer - static_cast<size_t>(shape_.first_layer),
                           op_ - first);
      }
    }
    const auto head = static_cast<size_t>(decoder_.head_op);
    return op_ >= head ? fmt::format("head.op{}", op_ - head) : fmt::format("begin.op{}", op_);
  }

  std::optional<Op> weight(WeightPart part, const char* role = "") {
    const int32_t index = model_.weights->find(op_, part);
    if (index < 0) return std::nullopt;
    std::string name = op_prefix();
    if (*role != '\0') name += std::string(".") + role;
    return input({InputKind::weight, index}, name + "." + part_name(part),
                 model_.weights->tensors[static_cast<size_t>(index)].shape);
  }

  Op starts() {
    if (!starts_) {
      starts_ = input({InputKind::starts}, "starts", {ElementType::s32, {sequences_}});
    }
    return *starts_;
  }

  AttentionEmitter& attention() {
    if (!attention_) {
      const Op first = starts();
      const bool prefill = shape_.kind == ProgramKind::prefill;
      const Op slot = prefill ? input({InputKind::slot}, "slot", {ElementType::s32, {1}}) : Op{};
      attention_.emplace(b_, model_.cache, shape_, first, slot);
    }
    return *attention_;
  }

  Op angles(int32_t table) {
    for (const auto& [known, op] : angles_) {
      if (known == table) return op;
    }
    const Op added = input({InputKind::angles, table}, fmt::format("angles{}", angles_.size()),
                           {ElementType::f32, {2, rows_, model_.rope->pairs(table)}});
    angles_.emplace_back(table, added);
    return added;
  }

  void begin_head() {
    if (shape_.picked_rows == 0) return;
    const Op picked =
        input({InputKind::picked}, "picked", {ElementType::s32, {shape_.picked_rows}});
    const OpRange head{.first = op_, .end = decoder_.ops.size()};
    for (const ValueId id : values_into(decoder_, head)) set(id, b_.gather_rows(value(id), picked));
  }

  void emit(const graph::Embedding& op) {
    if (model_.weights->options.embed_on_host) {
      set(op.out, input({InputKind::embeddings, static_cast<int32_t>(op_)}, "embeddings",
                        {ElementType::f32, {rows_, width(op.out)}}));
      return;
    }
    const Op tokens = input({InputKind::tokens}, "tokens", {ElementType::s32, {rows_}});
    set(op.out, b_.convert(b_.gather_rows(*weight(WeightPart::table), tokens), ElementType::f32));
  }

  void emit(const graph::RmsNorm& op) {
    set(op.out, emit_rms_norm(b_, value(op.in), *weight(WeightPart::norm), op.eps));
  }

  void emit(const graph::Linear& op) {
    const char* role = role_name(op.parts.front().role);
    EmittedWeight parts{.form = model_.weights->forms[op_], .pieces = {}};
    for (const WeightPart part : {WeightPart::values, WeightPart::scales, WeightPart::minimums}) {
      if (const auto piece = weight(part, role)) parts.pieces.push_back(*piece);
    }
    Op y = emit_product(b_, value(op.in), parts, model_.target);
    if (op.parallel == graph::Parallel::row) y = b_.all_reduce(hlo::Reduction::add, y);
    if (const auto bias = weight(WeightPart::bias, role)) {
      y = b_.add(y, broadcast_like(b_, *bias, y, {1}));
    }
    int64_t first = 0;
    for (const graph::LinearPart& part : op.parts) {
      const int64_t end = first + width(part.out);
      set(part.out, op.parts.size() == 1 ? y : b_.slice_in_dim(y, 1, first, end));
      first = end;
    }
  }

  void emit(const graph::Rope& op) {
    const int32_t table = model_.rope->of_op[op_];
    set(op.out, emit_rope(b_, value(op.in), angles(table), op.head_dim));
  }

  void emit(const graph::Attention& op) {
    const int64_t kv_heads = width(op.k) / op.head_dim;
    const LocalHeads heads{.kv_heads = kv_heads, .group = width(op.q) / op.head_dim / kv_heads};
    const CacheShape& cache = model_.cache;
    const Op keys = input({InputKind::keys, op.kv_layer}, op_prefix() + ".keys",
                          {cache.type, {cache.slots, kv_heads, cache.positions, op.head_dim}});
    const Op values =
        input({InputKind::values, op.kv_layer}, op_prefix() + ".values",
              {cache.type, {cache.slots, kv_heads, cache.positions, op.value_head_dim}});
    AttentionEmitter& emitter = attention();
    const UpdatedCache updated = emitter.update(op, heads, keys, values, value(op.k), value(op.v));
    program_.outputs.push_back({OutputKind::keys, op.kv_layer});
    b_.output_in_place(op_prefix() + ".keys", updated.keys, keys);
    program_.outputs.push_back({OutputKind::values, op.kv_layer});
    b_.output_in_place(op_prefix() + ".values", updated.values, values);
    set(op.out, emitter.attend(op, heads, updated, value(op.q)));
  }

  void emit(const graph::GatedActivation& op) {
    set(op.out, emit_gated(b_, op.activation, value(op.gate), value(op.up)));
  }
  void emit(const graph::Add& op) { set(op.out, b_.add(value(op.a), value(op.b))); }
  void emit(const graph::Scale& op) { set(op.out, b_.multiply(value(op.in), op.factor)); }
  void emit(const graph::SoftCap& op) { set(op.out, emit_soft_cap(b_, value(op.in), op.cap)); }

  void emit_results() {
    b_.set_scope("results");
    const Op first = input({InputKind::first_token}, "first_token", {ElementType::f32, {1}});
    HeadEmitter head(b_, first, decoder_.vocab_size);
    const Op logits = head.mask_padding(value(decoder_.logits));
    output({OutputKind::logits}, "logits", logits);
    output({OutputKind::argmax}, "argmax", head.argmax(logits));
  }

  int64_t width(ValueId id) const { return model_.plan->layout(id).local_width; }
  Op value(ValueId id) const { return values_[static_cast<size_t>(id)]; }
  void set(ValueId id, Op op) { values_[static_cast<size_t>(id)] = op; }

  const LoweringModel& model_;
  const graph::Decoder& decoder_;
  const ProgramShape& shape_;
  const int64_t sequences_;
  const int64_t rows_;
  const OpRange range_;
  Builder b_;
  std::vector<Op> values_;  // [Decoder::values]
  size_t op_ = 0;
  int hidden_inputs_ = 0;
  std::optional<Op> starts_;
  std::optional<AttentionEmitter> attention_;
  std::vector<std::pair<int32_t, Op>> angles_;  // by rope table
  LoweredProgram program_;
};

Status check(const LoweringModel& model, const ProgramShape& shape) {
  const auto layers = static_cast<int32_t>(model.decoder->layers.size());
  const bool head_only = shape.first_layer == layers && shape.with_head;
  if (shape.first_layer < 0 || shape.end_layer > layers || shape.first_layer > shape.end_layer ||
      (shape.first_layer == shape.end_layer && !head_only) ||
      (shape.with_head && shape.end_layer != layers)) {
    return internal_error(
        fmt::format("a program of layers {} .. {}", shape.first_layer, shape.end_layer));
  }
  if (shape.rows < 1 || shape.positions < shape.rows || shape.positions > model.cache.positions) {
    return internal_error(fmt::format("a program of {} rows over {} positions of {}", shape.rows,
                                      shape.positions, model.cache.positions));
  }
  if (model.decoder->vocab_size > kMostTokens) {
    return unsupported(fmt::format("a vocabulary of {} tokens: at most {}",
                                   model.decoder->vocab_size, kMostTokens));
  }
  return ok_status();
}

}  // namespace

Result<LoweredProgram> lower(const LoweringModel& model, const ProgramShape& shape) {
  IX_RETURN_IF_ERROR(check(model, shape));
  return Lowerer(model, shape).run();
}

Result<LoweredProgram> lower_top_k(const LoweringModel& model, int64_t rows) {
  const graph::Decoder& decoder = *model.decoder;
  LoweredProgram program;
  Builder b(fmt::format("top_{}", rows), model.plan->ranks);
  const Op logits = b.parameter(
      "logits", {ElementType::f32, {rows, model.plan->layout(decoder.logits).local_width}});
  const Op first = b.parameter("first_token", {ElementType::f32, {1}});
  program.inputs = {{InputKind::logits}, {InputKind::first_token}};
  const HeadEmitter::Top top = HeadEmitter(b, first, decoder.vocab_size)
                                   .top(logits, std::min<int64_t>(kMaxTopK, decoder.vocab_size));
  b.output("values", top.values);
  b.output("tokens", top.tokens);
  b.output("logsumexp", top.logsumexp);
  program.outputs = {{OutputKind::top_values}, {OutputKind::top_tokens}, {OutputKind::logsumexp}};
  IX_ASSIGN_OR_RETURN(program.module, std::move(b).finish());
  return program;
}

}  // namespace ix::backend::xla
