// The shape of an instruction's result, from its operands and attributes, as XLA infers it. The
// builder takes a new instruction's shape from here; the verifier compares with the shape written.
#pragma once

#include <span>

#include "backend/xla/hlo/hlo.pb.h"
#include "backend/xla/hlo/value_shape.h"
#include "base/result.h"

namespace ix::backend::xla::hlo {

// Where operands do not say it, the shape written in the instruction does: its element type for
// convert, dot and iota, its dims for broadcast, reshape and iota, all of it for parameter and
// constant. invalid_argument where operands or attributes do not fit the opcode, with what was
// expected; unsupported for an opcode whose rule is not known here.
Result<ValueShape> infer_shape(const ix::hlo::HloInstructionProto& instruction,
                               std::span<const ValueShape> operands);

}  // namespace ix::backend::xla::hlo
