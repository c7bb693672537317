// What fills ranks up to equal sizes.
#pragma once

#include <cstdint>

namespace ix::backend::xla {

inline constexpr int32_t kPad = -1;  // in place of the index of a head, row or column: zeros

}  // namespace ix::backend::xla
