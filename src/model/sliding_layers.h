// Which layers see only a window of positions (gemma2, gemma3).
#pragma once

#include <cstdint>
#include <vector>

#include "model/metadata_keys.h"

namespace ix::model {

// window of each layer; 0 = all positions. default_period: in every run of so many layers the last
// one sees all positions, unless the file says otherwise in attention.sliding_window_pattern, an
// integer of that meaning or an array with true for a sliding layer.
std::vector<int64_t> read_windows(MetadataKeys& keys, int64_t layers, int64_t default_window,
                                  int64_t default_period);

}  // namespace ix::model
