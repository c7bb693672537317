// Bytes a second that threads read from memory in order.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "base/thread_pool.h"
#include "limits/rate.h"

namespace ix::limits {

struct ReadBandwidth {
  Rate bytes_per_second;  // of all threads together
  int64_t buffer_bytes;   // read in a pass, each thread its own part
};

// Eight times the last level cache, or 1 GiB where that is not known: a pass finds nothing of the
// pass before in a cache.
int64_t default_read_buffer_bytes();

// Writes a buffer once, each thread its part, and reads it `passes` times with 64-byte loads (where
// the CPU has them), in huge pages where there are any. A pass lasts until the slowest thread is
// done. resource_exhausted without memory.
Result<ReadBandwidth> measure_read(ThreadPool& pool, int64_t buffer_bytes, int passes);

}  // namespace ix::limits
