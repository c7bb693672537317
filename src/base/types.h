// Names for the integers that cross folders.
#pragma once

#include <cstdint>

namespace ix {

using TokenId = int32_t;   // index into the vocabulary
using Position = int32_t;  // index of a token in its sequence, from 0

inline constexpr TokenId kNoToken = -1;

}  // namespace ix
