#include "backend/xla/static_programs.h"

namespace ix::backend::xla {

StaticPrograms::StaticPrograms(XlaModel& model, ProgramSet set)
    : model_(model),
      set_(std::move(set)),
      prefill_inputs_(model.runtime()),
      cache_tensors_(model.runtime()),
      copy_inputs_(model.runtime()),
      decode_(model.runtime(), 1),
      draft_(model.runtime(), 1 + set_.draft_rows) {
  decode_.head.rows = set_.cache.slots;
  draft_.head.rows = set_.cache.slots * draft_.slot_rows;
}

Result<std::unique_ptr<StaticPrograms>> StaticPrograms::create(XlaModel& model,
                                                               const ProgramSet& set) {
  std::unique_ptr<StaticPrograms> programs(new StaticPrograms(model, set));
  if (model.options().load_ahead) IX_RETURN_IF_ERROR(programs->load_ahead());
  return programs;
}

Status StaticPrograms::load_ahead() {
  for (const int64_t bucket : set_.buckets) {
    IX_RETURN_IF_ERROR(prefill(bucket).status());
    IX_RETURN_IF_ERROR(decode(decode_, bucket).status());
    if (set_.draft_rows > 0) IX_RETURN_IF_ERROR(decode(draft_, bucket).status());
  }
  IX_ASSIGN_OR_RETURN(Head * head, next_prefill_head());
  IX_RETURN_IF_ERROR(load_top(*head));
  IX_RETURN_IF_ERROR(load_top(decode_.head));
  return set_.draft_rows > 0 ? load_top(draft_.head) : ok_status();
}

Result<std::span<const BoundProgram>> StaticPrograms::prefill(int64_t end) {
  const int64_t bucket = set_.bucket_for(end);
  std::vector<BoundProgram>& programs = prefill_[bucket];
  if (programs.empty()) {
    IX_ASSIGN_OR_RETURN(programs, load(set_.prefill(bucket), prefill_inputs_, nullptr));
  }
  return std::span<const BoundProgram>(programs);
}

Result<std::span<const BoundProgram>> StaticPrograms::decode(Decode& decode, int64_t end) {
  const int64_t bucket = set_.bucket_for(end);
  std::vector<BoundProgram>& programs = decode.programs[bucket];
  if (programs.empty()) {
    IX_ASSIGN_OR_RETURN(
        programs, load(set_.decode(bucket, decode.slot_rows), decode.inputs, &decode.head.results));
  }
  return std::span<const BoundProgram>(programs);
}

Result<std::vector<BoundProgram>> StaticPrograms::load(const std::vector<ProgramShape>& shapes,
                                                       TensorTable& inputs,
                                                       ResultTensors* results) {
  std::vector<BoundProgram> programs;
  for (const ProgramShape& shape : shapes) {
    IX_ASSIGN_OR_RETURN(const LoweredProgram lowered, lower(model_.lowering(set_.cache), shape));
    IX_ASSIGN_OR_RETURN(BoundProgram bound,
                        bind(model_, lowered, shape.kind, inputs, cache_tensors_, results));
    programs.push_back(std::move(bound));
  }
  return programs;
}

Result<StaticPrograms::Head*> StaticPrograms::next_prefill_head() {
  if (heads_used_ == prefill_heads_.size()) {
    auto head = std::make_unique<Head>();
    head->rows = set_.head_rows;
    IX_ASSIGN_OR_RETURN(std::vector<BoundProgram> loaded,
                        load({set_.prefill_head()}, prefill_inputs_, &head->results));
    head->head = std::move(loaded.front());
    prefill_heads_.push_back(std::move(head));
  }
  return prefill_heads_[heads_used_++].get();
}

Status StaticPrograms::write_picked(std::span<const int32_t> rows) {
  return prefill_inputs_.find(InputKind::picked)->write(model_.runtime(), std::as_bytes(rows));
}

Status StaticPrograms::load_top(Head& head) {
  if (!head.top.empty()) return ok_status();
  IX_ASSIGN_OR_RETURN(const LoweredProgram lowered,
                      lower_top_k(model_.lowering(set_.cache), head.rows));
  IX_ASSIGN_OR_RETURN(head.top, bind(model_, lowered, ProgramKind::decode, decode_.inputs,
                                     cache_tensors_, &head.results));
  return ok_status();
}

Result<const BoundProgram*> StaticPrograms::copy(int32_t group) {
  BoundProgram& program = copies_[group];
  if (program.empty()) {
    IX_ASSIGN_OR_RETURN(const LoweredProgram lowered,
                        lower_copy(model_.lowering(set_.cache), group));
    IX_ASSIGN_OR_RETURN(
        program, bind(model_, lowered, ProgramKind::decode, copy_inputs_, cache_tensors_, nullptr));
  }
  return &program;
}

}  // namespace ix::backend::xla
