// Slots of the cache whose keys and values are unknown since a program failed: it may have left
// anything in the tensors that it updates, which hold all slots.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/executor.h"
#include "base/status.h"

namespace ix::backend::xla {

class LostSlots {
 public:
  explicit LostSlots(int32_t slots) : lost_(static_cast<size_t>(slots), false) {}

  // Every slot, because of `failure`.
  void lose_all(const Status& failure);

  // The failure, where a sequence of the step would go on in a lost slot.
  Status check(const StepInput& input) const;
  // Sequences of the step that begin have their slots from here on.
  void take(const StepInput& input);

  // A copy of a slot is worth what the slot is.
  void copy(BlockId from, BlockId to) { lost_[index(to)] = lost_[index(from)]; }

 private:
  static size_t index(BlockId slot) { return static_cast<size_t>(slot); }

  std::vector<bool> lost_;  // [slots]
  Status failure_;          // the last one
};

}  // namespace ix::backend::xla
