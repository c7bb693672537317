// Which programs serve a model: what an executor runs, and what is compiled ahead of it.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/xla/lowering/lowering.h"
#include "base/result.h"

namespace ix::backend::xla {

struct ProgramSetOptions {
  hlo::ElementType kv_type = hlo::ElementType::bf16;  // or f32
  // Rows of a prefill program; fewer where the context is shorter.
  int32_t chunk = 128;
  // Rows of a prefill that go through the head at once; 0 = as many as there are slots, so that
  // both kinds of rows share a program for the best tokens.
  int32_t head_rows = 0;
  // 0 = all layers in one program.
  int32_t layers_per_program = 0;
  // k > 0: a decode program of 1 + k rows a slot as well, for tokens that are guessed ahead.
  int32_t draft_rows = 0;
  // Contexts of four times this have programs that read a quarter of the cache only.
  int64_t least_bucket = 512;
};

// The programs for `slots` slots of `context` tokens.
struct ProgramSet {
  CacheShape cache;
  int32_t chunk;
  int32_t head_rows;
  int32_t layers;
  int32_t layers_per_program;
  int32_t draft_rows;
  // Positions of the cache that programs read, ascending; the last is all of it.
  std::vector<int64_t> buckets;

  // One a range of layers; no head.
  std::vector<ProgramShape> prefill(int64_t bucket) const;
  // The head, on `head_rows` rows of a chunk.
  ProgramShape prefill_head() const;
  // One a range of layers, the last with the head. rows: 1 or 1 + draft_rows.
  std::vector<ProgramShape> decode(int64_t bucket, int32_t rows) const;
  // The smallest bucket for rows that end before position `end`.
  int64_t bucket_for(int64_t end) const;
};

// invalid_argument for options out of their range.
Result<ProgramSet> plan_programs(const graph::Decoder& decoder, int64_t slots, int64_t context,
                                 const ProgramSetOptions& options);

struct CompilableProgram {
  LoweredProgram lowered;
  ProgramKind kind;
};

// Every program once, in the order in which an executor first needs them. optional: with those for
// copying slots, which an executor loads when a sequence is copied.
Result<std::vector<CompilableProgram>> lower_programs(const LoweringModel& model,
                                                      const ProgramSet& set, bool optional);

}  // namespace ix::backend::xla
