// A mixed step cut into runs of programs of fixed shape.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/executor.h"

namespace ix::backend::xla {

// Consecutive rows of one sequence through the prefill program.
struct PrefillRun {
  int32_t slot;
  int32_t first_row;  // of the step
  int32_t rows;       // at most the program's
  Position start;
};

// Rows of a slot through a decode program.
struct DecodeRows {
  int32_t slot;
  int32_t first_row;  // of the step
  int32_t rows;
  Position start;
};

// The prefills run first: a sequence's last row may be among the decode rows.
struct StepPlan {
  std::vector<PrefillRun> prefills;
  std::vector<DecodeRows> decodes;  // at most one a slot
};

// Rows of the programs.
struct PlanRows {
  int32_t chunk;       // of a prefill
  int32_t decode = 1;  // most rows of a sequence that a decode takes
};

// For a step that validate_step() has passed. A sequence's slot is its block in the first group:
// one block holds all its positions. invalid_argument for a sequence that goes beyond its slot, or
// two in one slot.
Status plan_step(const StepInput& input, const KvInfo& kv, const PlanRows& programs,
                 StepPlan& plan);

}  // namespace ix::backend::xla
