// All rows of a panel at once, for the types that a Q4_K_M file has most of: packing them is what
// loading mostly is.
#pragma once

#include <cstdint>

#include "backend/cpu/kernels/panel_format.h"

namespace ix::backend::cpu {

// One file block each of kPanelRows rows, row_bytes apart.
void pack_16_rows(const uint8_t* source, int64_t row_bytes, PanelQ4_K& panel);
void pack_16_rows(const uint8_t* source, int64_t row_bytes, PanelQ6_K& panel);

}  // namespace ix::backend::cpu
