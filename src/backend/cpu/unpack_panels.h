// Rows of panels back to floats.
#pragma once

#include <cstdint>

#include "backend/cpu/kernels/panel_format.h"

namespace ix::backend::cpu {

// Dequantises row `row` of a panel into out[blocks * block_cols], with the float operations of
// quant::dequantize_row.
void unpack_row(PackedType type, const uint8_t* panel, int64_t blocks, int row, float* out);

}  // namespace ix::backend::cpu
