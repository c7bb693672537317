// Attention over the slots of a static cache.
#pragma once

#include <map>
#include <utility>

#include "backend/xla/hlo/builder.h"
#include "backend/xla/lowering/program_shape.h"
#include "graph/decoder.h"

namespace ix::backend::xla {

// Heads of one attention on a rank: each KV head serves `group` query heads that lie together.
struct LocalHeads {
  int64_t kv_heads;
  int64_t group;
};

struct UpdatedCache {
  hlo::Op keys;
  hlo::Op values;
};

// Emits the attentions of one program; they share its masks.
class AttentionEmitter {
 public:
  // starts s32 [sequences]; slot s32 [1] for a prefill, not used otherwise.
  AttentionEmitter(hlo::Builder& b, const CacheShape& cache, const ProgramShape& shape,
                   hlo::Op starts, hlo::Op slot);

  // The cache with the rows' keys and values (f32 [rows, ...]) in it.
  UpdatedCache update(const graph::Attention& op, const LocalHeads& heads, hlo::Op keys,
                      hlo::Op values, hlo::Op k, hlo::Op v);

  // q f32 [rows, query heads * head_dim] -> f32 [rows, query heads * value_head_dim]. Reads the
  // updated cache only: reading what it was before makes XLA copy it.
  hlo::Op attend(const graph::Attention& op, const LocalHeads& heads, const UpdatedCache& cache,
                 hlo::Op q);

 private:
  bool prefill() const { return shape_.kind == ProgramKind::prefill; }
  hlo::Op start_of(int64_t sequence);
  hlo::Op write(hlo::Op cache, hlo::Op rows, int64_t kv_heads, int64_t width);
  // [sequences, KV heads, positions, width]
  hlo::Op read(hlo::Op cache);
  // Which positions each row sees: pred [sequences, rows * group, positions].
  hlo::Op mask(int64_t window, int64_t group);

  hlo::Builder& b_;
  const CacheShape cache_;
  const ProgramShape shape_;
  const int64_t sequences_;
  hlo::Op starts_;
  hlo::Op slot_;
  std::map<std::pair<int64_t, int64_t>, hlo::Op> masks_;  // by window and group
};

}  // namespace ix::backend::xla
