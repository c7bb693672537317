#include "backend/xla/lowering/emit_attention.h"

#include "backend/xla/lowering/emit_row_ops.h"

namespace ix::backend::xla {

using hlo::Builder;
using hlo::Comparison;
using hlo::Dims;
using hlo::ElementType;
using hlo::Op;
using hlo::Operand;

namespace {

// Far below any score, and finite: e^(-30000 - s) is 0 in float32 for every other score s.
constexpr double kMaskedScore = -30000;

}  // namespace

AttentionEmitter::AttentionEmitter(Builder& b, const CacheShape& cache, const ProgramShape& shape,
                                   Op starts, Op slot)
    : b_(b),
      cache_(cache),
      shape_(shape),
      sequences_(shape.kind == ProgramKind::prefill ? 1 : cache.slots),
      starts_(starts),
      slot_(prefill() ? b.reshape(slot, {}) : slot) {}

Op AttentionEmitter::start_of(int64_t sequence) {
  return b_.reshape(b_.slice_in_dim(starts_, 0, sequence, sequence + 1), {});
}

// rows f32 [rows, KV heads * width].
Op AttentionEmitter::write(Op cache, Op rows, int64_t kv_heads, int64_t width) {
  const Op split = b_.reshape(rows, {sequences_, shape_.rows, kv_heads, width});
  const Op by_head = b_.convert(b_.transpose(split, {0, 2, 1, 3}), cache_.type);
  if (prefill()) return b_.dynamic_update_slice(cache, by_head, {slot_, 0.0, start_of(0), 0.0});
  for (int64_t sequence = 0; sequence < sequences_; ++sequence) {
    const Op one = b_.slice_in_dim(by_head, 0, sequence, sequence + 1);
    cache = b_.dynamic_update_slice(cache, one,
                                    {static_cast<double>(sequence), 0.0, start_of(sequence), 0.0});
  }
  return cache;
}

UpdatedCache AttentionEmitter::update(const graph::Attention& op, const LocalHeads& heads, Op keys,
                                      Op values, Op k, Op v) {
  return {.keys = write(keys, k, heads.kv_heads, op.head_dim),
          .values = write(values, v, heads.kv_heads, op.value_head_dim)};
}

Op AttentionEmitter::read(Op cache) {
  Dims sizes = b_.shape(cache).dims;
  sizes[2] = shape_.positions;
  if (prefill()) {
    sizes[0] = 1;
    return b_.dynamic_slice(cache, {slot_, 0.0, 0.0, 0.0}, sizes);
  }
  if (shape_.positions == cache_.positions) return cache;
  return b_.slice_in_dim(cache, 2, 0, shape_.positions);
}

Op AttentionEmitter::mask(int64_t window, int64_t group) {
  const auto [known, added] = masks_.try_emplace({window, group});
  if (!added) return known->second;
  const Dims rows = {sequences_, shape_.rows, group};
  const Op along = b_.iota({ElementType::s32, rows}, 1);
  const Op positions = b_.reshape(b_.add(b_.broadcast(starts_, rows, {0}), along),
                                  {sequences_, shape_.rows * group});
  const Dims all = {sequences_, shape_.rows * group, shape_.positions};
  const Op row = b_.broadcast(positions, all, {0, 1});
  const Op column = b_.iota({ElementType::s32, all}, 2);
  Op visible = b_.compare(Comparison::le, column, row);
  if (window > 0) {
    const Op inside =
        b_.compare(Comparison::gt, column, b_.subtract(row, static_cast<double>(window)));
    visible = b_.bitwise_and(visible, inside);
  }
  known->second = visible;
  return visible;
}

Op AttentionEmitter::attend(const graph::Attention& op, const LocalHeads& heads,
                            const UpdatedCache& cache, Op q) {
  const int64_t rows = shape_.rows;
  const auto [kv_heads, group] = heads;
  // [sequences, KV heads, rows * group, head_dim]: no key is repeated for its query heads.
  const Op split =
      b_.reshape(b_.multiply(q, op.scale), {sequences_, rows, kv_heads, group, op.head_dim});
  const Op queries = b_.convert(b_.reshape(b_.transpose(split, {0, 2, 1, 3, 4}),
                                           {sequences_, kv_heads, rows * group, op.head_dim}),
                                cache_.type);
  Op scores = b_.dot(
      queries, read(cache.keys),
      {.lhs_contracting = {3}, .rhs_contracting = {3}, .lhs_batch = {0, 1}, .rhs_batch = {0, 1}},
      ElementType::f32);
  if (op.soft_cap > 0.0F) scores = emit_soft_cap(b_, scores, op.soft_cap);
  scores = b_.select(broadcast_like(b_, mask(op.window, group), scores, {0, 2, 3}), scores,
                     kMaskedScore);
  const Op highest = b_.reduce(hlo::Reduction::max, scores, {3});
  const Op weights = b_.exp(b_.subtract(scores, broadcast_like(b_, highest, scores, {0, 1, 2})));
  const Op total = b_.reduce(hlo::Reduction::add, weights, {3});
  const Op summed = b_.dot(
      b_.convert(weights, cache_.type), read(cache.values),
      {.lhs_contracting = {3}, .rhs_contracting = {2}, .lhs_batch = {0, 1}, .rhs_batch = {0, 1}},
      ElementType::f32);
  const Op averaged = b_.divide(summed, broadcast_like(b_, total, summed, {0, 1, 2}));
  const Op by_row =
      b_.transpose(b_.reshape(averaged, {sequences_, kv_heads, rows, group, op.value_head_dim}),
                   {0, 2, 1, 3, 4});
  return b_.reshape(by_row, {sequences_ * rows, kv_heads * group * op.value_head_dim});
}

}  // namespace ix::backend::xla
