// Checks of a step before anything is computed, the same for every backend.
#pragma once

#include <cstdint>

#include "backend/executor.h"

namespace ix::backend {

inline constexpr int32_t kMaxTopK = 256;

// Positions end below this, so that no backend's index arithmetic wraps.
inline constexpr int64_t kMaxPositions = int64_t{1} << 30;

struct StepLimits {
  int64_t vocab_size;
  int32_t max_rows;
};

// ok when every row has a token of the vocabulary and a want, the sequences cover all rows in
// order, and each block that a row reads or writes is inside its group's pool. invalid_argument
// otherwise. Allocates nothing unless it fails.
Status validate_step(const StepInput& input, const StepLimits& limits, const KvInfo& kv);

// ok when every id of a copy is inside the group's pool and both lists are as long.
Status validate_copy(int32_t group, std::span<const BlockId> from, std::span<const BlockId> to,
                     const KvInfo& kv);

// First position that a row at `position` sees in a group of this window (0 = all).
constexpr Position first_visible(Position position, int64_t window) {
  return window == 0 || position < window ? 0 : static_cast<Position>(position - window + 1);
}

}  // namespace ix::backend
