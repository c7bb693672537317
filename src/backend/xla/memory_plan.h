// What a model takes of one rank's memory, worked out without a device.
#pragma once

#include <cstdint>
#include <span>

#include "backend/xla/program_set.h"
#include "base/result.h"

namespace ix::backend::xla {

// Bytes of one rank. What a compiler adds for code and its own buffers is not known here.
struct MemoryPlan {
  int64_t weights = 0;
  int64_t kv = 0;
  int64_t rows = 0;     // inputs and results of the programs
  int64_t scratch = 0;  // of the program that needs most; see hlo/live_bytes.h

  int64_t total() const { return weights + kv + rows + scratch; }
};

// corrupt where a program's bytes are no HLO.
Result<MemoryPlan> plan_memory(const LoweringModel& model,
                               std::span<const CompilableProgram> programs);

// Keys and values of all slots.
int64_t cache_bytes(const LoweringModel& model);

}  // namespace ix::backend::xla
