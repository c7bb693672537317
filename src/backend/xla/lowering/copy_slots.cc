#include <fmt/format.h>

#include "backend/xla/hlo/builder.h"
#include "backend/xla/lowering/lowering.h"

namespace ix::backend::xla {
namespace {

using hlo::Builder;
using hlo::ElementType;
using hlo::Op;

class SlotCopier {
 public:
  SlotCopier(const LoweringModel& model, int32_t group)
      : model_(model), b_(fmt::format("copy_group{}", group), model.plan->ranks) {
    const auto slot = [&](InputKind kind, const char* name) {
      program_.inputs.push_back({kind});
      return b_.reshape(b_.parameter(name, {ElementType::s32, {1}}), {});
    };
    from_ = slot(InputKind::copied_slot, "from");
    to_ = slot(InputKind::slot, "to");
  }

  void copy(InputKind in, OutputKind out, int32_t layer, int64_t kv_heads, int64_t width) {
    const CacheShape& cache = model_.cache;
    const std::string name =
        fmt::format("layer{}.{}", layer, in == InputKind::keys ? "keys" : "values");
    program_.inputs.push_back({in, layer});
    const Op all =
        b_.parameter(name, {cache.type, {cache.slots, kv_heads, cache.positions, width}});
    const Op slot =
        b_.dynamic_slice(all, {from_, 0.0, 0.0, 0.0}, {1, kv_heads, cache.positions, width});
    program_.outputs.push_back({out, layer});
    b_.output_in_place(name, b_.dynamic_update_slice(all, slot, {to_, 0.0, 0.0, 0.0}), all);
  }

  Result<LoweredProgram> finish() && {
    IX_ASSIGN_OR_RETURN(program_.module, std::move(b_).finish());
    return std::move(program_);
  }

 private:
  const LoweringModel& model_;
  Builder b_;
  Op from_;
  Op to_;
  LoweredProgram program_;
};

}  // namespace

Result<LoweredProgram> lower_copy(const LoweringModel& model, int32_t group) {
  SlotCopier copier(model, group);
  for (const graph::Op& any : model.decoder->ops) {
    const auto* op = std::get_if<graph::Attention>(&any);
    if (op == nullptr) continue;
    const graph::KvLayer& layer = model.decoder->kv_layers[static_cast<size_t>(op->kv_layer)];
    if (layer.group != group) continue;
    const int64_t kv_heads = model.plan->layout(op->k).local_width / op->head_dim;
    copier.copy(InputKind::keys, OutputKind::keys, op->kv_layer, kv_heads, op->head_dim);
    copier.copy(InputKind::values, OutputKind::values, op->kv_layer, kv_heads, op->value_head_dim);
  }
  return std::move(copier).finish();
}

}  // namespace ix::backend::xla
