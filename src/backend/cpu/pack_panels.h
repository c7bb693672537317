// Rows of file blocks to panels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/cpu/kernels/panel_format.h"

namespace ix::backend::cpu {

// Packs `rows` (1 … kPanelRows) rows of `blocks` file blocks each, row_bytes apart, into one panel.
// Missing rows and what is left of a cache line at the end become zeros.
void pack_panel(PackedType type, const std::byte* source, int64_t row_bytes, int64_t rows,
                int64_t blocks, uint8_t* panel);

}  // namespace ix::backend::cpu
