// The programs of an executor, loaded and bound to its tensors.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <vector>

#include "backend/xla/bound_program.h"

namespace ix::backend::xla {

// Programs are loaded when they are first asked for; with XlaOptions::load_ahead all of them but
// those for copies when the executor is opened.
class StaticPrograms {
 public:
  // A run of the head, and the two-stage top-k of its logits (loaded when first wanted).
  struct Head {
    ResultTensors results;
    BoundProgram head;  // empty for decode, whose last program has the head
    BoundProgram top;
    int64_t rows = 0;
  };

  // Decode programs of one number of rows a slot, on one set of tensors.
  struct Decode {
    explicit Decode(Runtime& runtime, int32_t rows_of_slot)
        : slot_rows(rows_of_slot), inputs(runtime) {}
    int32_t slot_rows;
    TensorTable inputs;
    Head head;
    std::map<int64_t, std::vector<BoundProgram>> programs;  // ranges of layers, by bucket
  };

  // The model outlives the programs.
  static Result<std::unique_ptr<StaticPrograms>> create(XlaModel& model, const ProgramSet& set);

  const ProgramSet& set() const { return set_; }

  // Ranges of layers for rows that end before position `end`.
  Result<std::span<const BoundProgram>> prefill(int64_t end);
  Result<std::span<const BoundProgram>> decode(Decode& decode, int64_t end);
  // Of one row a slot, or of 1 + draft_rows where more rows are needed.
  Decode& decode_of(int32_t slot_rows) { return slot_rows > 1 ? draft_ : decode_; }

  TensorTable& prefill_inputs() { return prefill_inputs_; }

  // All heads of prefills may be used again.
  void begin_step() { heads_used_ = 0; }
  // One that this step has not used. It reads the rows that write_picked() names.
  Result<Head*> next_prefill_head();
  Status write_picked(std::span<const int32_t> rows);

  Status load_top(Head& head);

  // Copies a slot in the layers of a KV group; inputs are `copy_inputs`.
  Result<const BoundProgram*> copy(int32_t group);
  TensorTable& copy_inputs() { return copy_inputs_; }

 private:
  StaticPrograms(XlaModel& model, ProgramSet set);

  Status load_ahead();
  Result<std::vector<BoundProgram>> load(const std::vector<ProgramShape>& shapes,
                                         TensorTable& inputs, ResultTensors* results);

  XlaModel& model_;
  const ProgramSet set_;
  TensorTable prefill_inputs_;
  TensorTable cache_tensors_;
  TensorTable copy_inputs_;
  std::map<int64_t, std::vector<BoundProgram>> prefill_;  // ranges of layers, by bucket
  Decode decode_;
  Decode draft_;
  std::vector<std::unique_ptr<Head>> prefill_heads_;
  size_t heads_used_ = 0;
  std::map<int32_t, BoundProgram> copies_;  // by KV group
};

}  // namespace ix::backend::xla
