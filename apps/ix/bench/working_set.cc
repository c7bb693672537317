#include "bench/working_set.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/checked_math.h"
#include "base/host_limits.h"

namespace ix::cli {

Status check_room(std::string_view what, int64_t bytes) {
  const auto available = available_memory_bytes();
  if (!available || static_cast<uint64_t>(bytes) <= *available) return ok_status();
  return resource_exhausted(fmt::format("not enough memory: {} {} MB, but {} MB can be had", what,
                                        bytes / 1'000'000, *available / 1'000'000));
}

int64_t uncached_bytes() {
  constexpr uint64_t kUnknownCache = uint64_t{64} << 20;
  const uint64_t cache = last_level_cache_bytes();
  return static_cast<int64_t>(4 * (cache > 0 ? cache : kUnknownCache));
}

int64_t copies_of(int64_t bytes, int64_t working_set) {
  return std::max<int64_t>(1, ceil_div(working_set, bytes));
}

}  // namespace ix::cli
