#include "backend/xla/step_plan.h"

#include <fmt/format.h>

#include <algorithm>

namespace ix::backend::xla {

Status plan_step(const StepInput& input, const KvInfo& kv, const PlanRows& programs,
                 StepPlan& plan) {
  plan.prefills.clear();
  plan.decodes.clear();
  for (size_t i = 0; i < input.sequences.size(); ++i) {
    const SequenceRows& sequence = input.sequences[i];
    const int64_t end = int64_t{sequence.start} + sequence.rows;
    if (end > kv.tokens_per_block) {
      return invalid_argument(fmt::format("sequence {} of the step ends at {}: a slot holds {}", i,
                                          end, kv.tokens_per_block));
    }
    const int32_t slot = sequence.block_tables[0][0];
    for (size_t other = 0; other < i; ++other) {
      if (input.sequences[other].block_tables[0][0] != slot) continue;
      return invalid_argument(
          fmt::format("sequences {} and {} of the step are both in slot {}", other, i, slot));
    }
    int32_t done = 0;
    // What prefills leave over for a decode is one row.
    while (sequence.rows - done > (done == 0 ? programs.decode : 1)) {
      const int32_t rows = std::min(programs.chunk, sequence.rows - done);
      plan.prefills.push_back({.slot = slot,
                               .first_row = sequence.first_row + done,
                               .rows = rows,
                               .start = sequence.start + done});
      done += rows;
    }
    if (done < sequence.rows) {
      plan.decodes.push_back({.slot = slot,
                              .first_row = sequence.first_row + done,
                              .rows = sequence.rows - done,
                              .start = sequence.start + done});
    }
  }
  return ok_status();
}

}  // namespace ix::backend::xla
