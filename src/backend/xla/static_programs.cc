#include "backend/xla/static_programs.h"

#include <algorithm>

namespace ix::backend::xla {

StaticPrograms::StaticPrograms(XlaModel& model, const CacheShape& cache, int32_t chunk,
                               int32_t head_rows)
    : model_(model),
      cache_(cache),
      chunk_(chunk),
      head_rows_(head_rows),
      prefill_rows_(model.runtime()),
      decode_rows_(model.runtime()),
      cache_tensors_(model.runtime()) {}

Result<std::unique_ptr<StaticPrograms>> StaticPrograms::create(XlaModel& model, const KvInfo& kv,
                                                               int32_t max_rows) {
  const XlaOptions& options = model.options();
  const int32_t chunk = std::min({options.chunk, max_rows, kv.tokens_per_block});
  // A chunk that begins at the last position of the context still lies within its slot.
  const CacheShape cache{.slots = kv.groups.front().blocks,
                         .positions = int64_t{kv.tokens_per_block} + chunk,
                         .type = options.kv_type};
  std::unique_ptr<StaticPrograms> programs(
      new StaticPrograms(model, cache, chunk, std::min(options.head_rows, chunk)));
  IX_RETURN_IF_ERROR(programs->load());
  return programs;
}

Status StaticPrograms::load() {
  const auto layers = static_cast<int32_t>(model_.decoder().layers.size());
  const int32_t asked = model_.options().layers_per_program;
  const int32_t range = asked == 0 ? layers : std::min(asked, layers);
  for (int32_t first = 0; first < layers; first += range) {
    const int32_t end = std::min(first + range, layers);
    ProgramShape shape{.kind = ProgramKind::prefill,
                       .rows = chunk_,
                       .positions = cache_.positions,
                       .first_layer = first,
                       .end_layer = end,
                       .with_head = false};
    IX_ASSIGN_OR_RETURN(BoundProgram prefill, load(shape, prefill_rows_, nullptr));
    prefill_.push_back(std::move(prefill));
    shape.kind = ProgramKind::decode;
    shape.rows = 1;
    shape.with_head = end == layers;
    IX_ASSIGN_OR_RETURN(BoundProgram decode, load(shape, decode_rows_, &decode_head_.results));
    decode_.push_back(std::move(decode));
  }
  decode_head_.rows = cache_.slots;
  return next_prefill_head().status();
}

Result<BoundProgram> StaticPrograms::load(const ProgramShape& shape, TensorTable& rows,
                                          ResultTensors* results) {
  IX_ASSIGN_OR_RETURN(const LoweredProgram lowered, lower(model_.lowering(cache_), shape));
  return bind(model_, lowered, shape.kind, rows, cache_tensors_, results);
}

Result<StaticPrograms::Head*> StaticPrograms::next_prefill_head() {
  if (heads_used_ == prefill_heads_.size()) {
    const auto layers = static_cast<int32_t>(model_.decoder().layers.size());
    auto head = std::make_unique<Head>();
    head->rows = head_rows_;
    IX_ASSIGN_OR_RETURN(head->head, load({.kind = ProgramKind::prefill,
                                          .rows = chunk_,
                                          .positions = cache_.positions,
                                          .first_layer = layers,
                                          .end_layer = layers,
                                          .with_head = true,
                                          .picked_rows = head_rows_},
                                         prefill_rows_, &head->results));
    prefill_heads_.push_back(std::move(head));
  }
  return prefill_heads_[heads_used_++].get();
}

Status StaticPrograms::write_picked(std::span<const int32_t> rows) {
  return prefill_rows_.find(InputKind::picked)->write(model_.runtime(), std::as_bytes(rows));
}

Status StaticPrograms::load_top(Head& head) {
  if (!head.top.empty()) return ok_status();
  IX_ASSIGN_OR_RETURN(const LoweredProgram lowered,
                      lower_top_k(model_.lowering(cache_), head.rows));
  IX_ASSIGN_OR_RETURN(head.top, bind(model_, lowered, ProgramKind::decode, decode_rows_,
                                     cache_tensors_, &head.results));
  return ok_status();
}

}  // namespace ix::backend::xla
