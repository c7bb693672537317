// Which ops a program has, and which values cross its borders.
#pragma once

#include <cstddef>
#include <vector>

#include "backend/xla/lowering/program_shape.h"
#include "graph/decoder.h"

namespace ix::backend::xla {

struct OpRange {
  size_t first;
  size_t end;
};

OpRange op_range(const graph::Decoder& decoder, const ProgramShape& shape);

// Values that ops of the range read and ops before it write, by id.
std::vector<graph::ValueId> values_into(const graph::Decoder& decoder, const OpRange& range);

// Values that ops of the range write and ops after it read, by id.
std::vector<graph::ValueId> values_out_of(const graph::Decoder& decoder, const OpRange& range);

}  // namespace ix::backend::xla
