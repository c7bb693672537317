#include "backend/value_slots.h"

#include <algorithm>
#include <limits>

namespace ix::backend {
namespace {

using graph::Op;
using graph::ValueId;

struct OperandsOf {
  Operands operator()(const graph::Embedding& op) const { return {{}, {op.out}}; }
  Operands operator()(const graph::RmsNorm& op) const { return {{op.in}, {op.out}}; }
  Operands operator()(const graph::Linear& op) const {
    Operands operands{{op.in}, {}};
    for (const graph::LinearPart& part : op.parts) operands.writes.push_back(part.out);
    return operands;
  }
  Operands operator()(const graph::Rope& op) const { return {{op.in}, {op.out}}; }
  Operands operator()(const graph::Attention& op) const { return {{op.q, op.k, op.v}, {op.out}}; }
  Operands operator()(const graph::GatedActivation& op) const {
    return {{op.gate, op.up}, {op.out}};
  }
  Operands operator()(const graph::Add& op) const { return {{op.a, op.b}, {op.out}}; }
  Operands operator()(const graph::Scale& op) const { return {{op.in}, {op.out}}; }
  Operands operator()(const graph::SoftCap& op) const { return {{op.in}, {op.out}}; }
};

class Assigner {
 public:
  explicit Assigner(const graph::Decoder& decoder) : decoder_(decoder) {
    slots_.slot_of.assign(decoder.values.size(), -1);
    last_read_.assign(decoder.values.size(), -1);
    for (size_t i = 0; i < decoder.ops.size(); ++i) {
      for (const ValueId id : operands_of(decoder.ops[i]).reads) {
        last_read_[static_cast<size_t>(id)] = static_cast<int32_t>(i);
      }
    }
    last_read_[static_cast<size_t>(decoder.logits)] = std::numeric_limits<int32_t>::max();
  }

  ValueSlots run() {
    for (int32_t i = 0; i < static_cast<int32_t>(decoder_.ops.size()); ++i) {
      const Operands operands = operands_of(decoder_.ops[static_cast<size_t>(i)]);
      for (const ValueId id : operands.writes) {
        slots_.slot_of[static_cast<size_t>(id)] =
            take_slot(decoder_.values[static_cast<size_t>(id)].width);
        if (i < decoder_.head_op && last_read_[static_cast<size_t>(id)] >= decoder_.head_op) {
          slots_.carried.push_back(id);
        }
      }
      for (const ValueId id : operands.reads) free_after(id, i);
      for (const ValueId id : operands.writes) free_after(id, i);
    }
    return std::move(slots_);
  }

 private:
  // The narrowest free slot that is wide enough, or else the widest one unless that would grow to
  // more than twice its width: logits do not turn a small slot into a huge one.
  int32_t take_slot(int64_t width) {
    auto best = free_.end();
    for (auto slot = free_.begin(); slot != free_.end(); ++slot) {
      if (best == free_.end() || fits_better(width_of(*slot), width_of(*best), width)) best = slot;
    }
    if (best == free_.end() || width_of(*best) < width / 2) {
      slots_.slot_width.push_back(width);
      return static_cast<int32_t>(slots_.slot_width.size()) - 1;
    }
    const int32_t slot = *best;
    free_.erase(best);
    int64_t& slot_width = slots_.slot_width[static_cast<size_t>(slot)];
    slot_width = std::max(slot_width, width);
    return slot;
  }

  static bool fits_better(int64_t a, int64_t b, int64_t width) {
    if (a >= width && b >= width) return a < b;
    return a > b;
  }

  // A value that nobody reads dies with the op that writes it.
  void free_after(ValueId id, int32_t op) {
    const auto index = static_cast<size_t>(id);
    if (last_read_[index] > op || freed(slots_.slot_of[index])) return;
    free_.push_back(slots_.slot_of[index]);
  }

  bool freed(int32_t slot) const {
    return std::find(free_.begin(), free_.end(), slot) != free_.end();
  }
  int64_t width_of(int32_t slot) const { return slots_.slot_width[static_cast<size_t>(slot)]; }

  const graph::Decoder& decoder_;
  ValueSlots slots_;
  std::vector<int32_t> last_read_;  // [values], index of an op
  std::vector<int32_t> free_;
};

}  // namespace

Operands operands_of(const Op& op) { return std::visit(OperandsOf(), op); }

ValueSlots assign_slots(const graph::Decoder& decoder) { return Assigner(decoder).run(); }

}  // namespace ix::backend
