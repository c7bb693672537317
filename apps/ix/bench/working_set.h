// Memory that a benchmark of products takes, and how much of it no cache holds.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"

namespace ix::cli {

// resource_exhausted, with the figures, when as many bytes cannot be had. what: "weights".
Status check_room(std::string_view what, int64_t bytes);

// Four times the last level cache: products that take their weights in turn from as much read them
// from memory.
int64_t uncached_bytes();

// Copies of `bytes` > 0 that together are `working_set` bytes or more; at least one.
int64_t copies_of(int64_t bytes, int64_t working_set);

}  // namespace ix::cli
