// Whether a model and what it works in fit the memory that is left, told before any of it is taken.
#pragma once

#include <cstdint>
#include <optional>

#include "base/status.h"

namespace ix::backend::cpu {

struct MemoryPlan {
  uint64_t weights = 0;  // packed; the file's own pages are cache, which the system can drop
  uint64_t kv = 0;       // all blocks
  uint64_t scratch = 0;
  int64_t kv_tokens = 0;
};

// ok when the sum is at most `available` (nothing = unknown, always ok). resource_exhausted
// otherwise, with the figures and what to do.
Status check_memory(const MemoryPlan& plan, std::optional<uint64_t> available);

}  // namespace ix::backend::cpu
