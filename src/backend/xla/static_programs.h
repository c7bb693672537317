// The programs of an executor, loaded and bound to its tensors.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "backend/xla/bound_program.h"

namespace ix::backend::xla {

class StaticPrograms {
 public:
  // A run of the head, and the two-stage top-k of its logits (loaded when first wanted).
  struct Head {
    ResultTensors results;
    BoundProgram head;  // empty for decode, whose last program has the head
    BoundProgram top;
    int64_t rows = 0;
  };

  // The model outlives the programs.
  static Result<std::unique_ptr<StaticPrograms>> create(XlaModel& model, const KvInfo& kv,
                                                        int32_t max_rows);

  const CacheShape& cache() const { return cache_; }
  int32_t chunk() const { return chunk_; }
  int32_t head_rows() const { return head_rows_; }

  std::span<const BoundProgram> prefill() const { return prefill_; }
  std::span<const BoundProgram> decode() const { return decode_; }
  TensorTable& prefill_rows() { return prefill_rows_; }
  TensorTable& decode_rows() { return decode_rows_; }
  Head& decode_head() { return decode_head_; }

  // All heads of prefills may be used again.
  void begin_step() { heads_used_ = 0; }
  // One that this step has not used. It reads the rows that write_picked() names.
  Result<Head*> next_prefill_head();
  Status write_picked(std::span<const int32_t> rows);

  Status load_top(Head& head);

 private:
  StaticPrograms(XlaModel& model, const CacheShape& cache, int32_t chunk, int32_t head_rows);

  Status load();
  Result<BoundProgram> load(const ProgramShape& shape, TensorTable& rows, ResultTensors* results);

  XlaModel& model_;
  const CacheShape cache_;
  const int32_t chunk_;
  const int32_t head_rows_;
  TensorTable prefill_rows_;
  TensorTable decode_rows_;
  TensorTable cache_tensors_;
  std::vector<BoundProgram> prefill_;  // ranges of layers
  std::vector<BoundProgram> decode_;
  Head decode_head_;
  std::vector<std::unique_ptr<Head>> prefill_heads_;
  size_t heads_used_ = 0;
};

}  // namespace ix::backend::xla
