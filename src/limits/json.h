// Limits as a JSON object: in 1e9 a second, as everything here prints speeds.
#pragma once

#include <nlohmann/json.hpp>

#include "limits/machine_limits.h"

namespace ix::limits {

// {"threads", "int8_gops", "bf16_gops", "fp32_gops" (null where no loop runs here), "read_gbs",
//  "read_median_gbs", "read_buffer_bytes", "arithmetic": [{"name", "instruction", "arithmetic",
//  "gops", "median_gops"}]}
nlohmann::ordered_json to_json(const MachineLimits& limits);

}  // namespace ix::limits
