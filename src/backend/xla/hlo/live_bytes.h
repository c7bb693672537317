// How much memory a program may take beside its parameters and results.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace ix::hlo {
class HloModuleProto;
}  // namespace ix::hlo

namespace ix::backend::xla::hlo {

// The most bytes of values that are alive at once where instructions run in the program's order,
// each value in a buffer of its own from its instruction to its last use. Parameters, constants and
// what the program returns are not counted; reshapes, and updates of a slice, take their operand's
// buffer. A compiler that fuses needs less; one that orders otherwise may need more.
int64_t live_bytes(const ix::hlo::HloModuleProto& module);

// Of a serialised HloModuleProto; corrupt where the bytes are none.
Result<int64_t> live_bytes(std::string_view bytes);

}  // namespace ix::backend::xla::hlo
