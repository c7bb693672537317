// Which buffer each value of a graph lives in: values whose lives do not overlap share one.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/decoder.h"

namespace ix::backend {

// Values that an op reads and writes.
struct Operands {
  std::vector<graph::ValueId> reads;
  std::vector<graph::ValueId> writes;
};
Operands operands_of(const graph::Op& op);

struct ValueSlots {
  std::vector<int32_t> slot_of;         // [values]
  std::vector<int64_t> slot_width;      // [slots], of the widest value
  std::vector<graph::ValueId> carried;  // written before the head and read by it
};

// For a verified graph run in order. An op's outputs never share a slot with its inputs or with
// each other; the logits' slot is not given away.
ValueSlots assign_slots(const graph::Decoder& decoder);

}  // namespace ix::backend
