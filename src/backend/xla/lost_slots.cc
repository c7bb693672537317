#include "backend/xla/lost_slots.h"

namespace ix::backend::xla {
namespace {

// One block of the first group holds all positions of a sequence.
BlockId slot_of(const SequenceRows& sequence) { return sequence.block_tables[0][0]; }

}  // namespace

void LostSlots::lose_all(const Status& failure) {
  lost_.assign(lost_.size(), true);
  failure_ = failure;
}

Status LostSlots::check(const StepInput& input) const {
  for (const SequenceRows& sequence : input.sequences) {
    if (sequence.start > 0 && lost_[index(slot_of(sequence))]) {
      return failure_.with_context("an earlier step failed and took what sequences had with it");
    }
  }
  return ok_status();
}

void LostSlots::take(const StepInput& input) {
  for (const SequenceRows& sequence : input.sequences) lost_[index(slot_of(sequence))] = false;
}

}  // namespace ix::backend::xla
