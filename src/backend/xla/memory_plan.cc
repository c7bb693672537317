#include "backend/xla/memory_plan.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "backend/xla/hlo/live_bytes.h"

namespace ix::backend::xla {
namespace {

bool is_of_rows(InputKind kind) {
  return kind != InputKind::weight && kind != InputKind::keys && kind != InputKind::values &&
         kind != InputKind::first_token;
}

bool is_of_rows(OutputKind kind) { return kind != OutputKind::keys && kind != OutputKind::values; }

// Programs that name the same tensor of the same size share it.
class RowTensors {
 public:
  template <typename What>
  void add(const std::vector<What>& what, const std::vector<hlo::NamedShape>& shapes) {
    for (size_t i = 0; i < what.size(); ++i) {
      const int64_t bytes = hlo::byte_size(shapes[i].shape);
      if (!is_of_rows(what[i].kind)) continue;
      if (seen_.emplace(shapes[i].name, what[i].index, bytes).second) total_ += bytes;
    }
  }

  int64_t total() const { return total_; }

 private:
  std::set<std::tuple<std::string, int32_t, int64_t>> seen_;
  int64_t total_ = 0;
};

}  // namespace

int64_t cache_bytes(const LoweringModel& model) {
  int64_t elements = 0;
  for (const graph::Op& any : model.decoder->ops) {
    const auto* op = std::get_if<graph::Attention>(&any);
    if (op == nullptr) continue;
    const int64_t kv_heads = model.plan->layout(op->k).local_width / op->head_dim;
    elements += kv_heads * (op->head_dim + op->value_head_dim);
  }
  return elements * model.cache.slots * model.cache.positions *
         hlo::element_bytes(model.cache.type);
}

Result<MemoryPlan> plan_memory(const LoweringModel& model,
                               std::span<const CompilableProgram> programs) {
  MemoryPlan plan{.weights = model.weights->bytes() + hlo::element_bytes(hlo::ElementType::f32),
                  .kv = cache_bytes(model)};
  RowTensors rows;
  for (const CompilableProgram& program : programs) {
    const LoweredProgram& lowered = program.lowered;
    rows.add(lowered.inputs, lowered.module.parameters);
    rows.add(lowered.outputs, lowered.module.outputs);
    IX_ASSIGN_OR_RETURN(const int64_t scratch, hlo::live_bytes(lowered.module.bytes));
    plan.scratch = std::max(plan.scratch, scratch);
  }
  plan.rows = rows.total();
  return plan;
}

}  // namespace ix::backend::xla
