// Bytes a second that threads read from memory in order.
#pragma once

#include <cstdint>
#include <utility>

#include "base/page_buffer.h"
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

// A buffer that threads read in order with 64-byte loads (where the CPU has them), each its own
// part, in huge pages where there are any.
class SequentialReader {
 public:
  // buffer_bytes, at least 1, are rounded up to parts of the pool's threads, and written once. The
  // pool outlives the reader. resource_exhausted without memory.
  static Result<SequentialReader> create(ThreadPool& pool, int64_t buffer_bytes);

  int64_t buffer_bytes() const { return part_ * pool_->threads(); }

  // Reads the next `bytes` of the buffer (as many of every part, rounded up), from its start again
  // after its end. Seconds until the slowest thread was done.
  double read(int64_t bytes);

 private:
  SequentialReader(ThreadPool& pool, PageBuffer buffer, int64_t part)
      : pool_(&pool), buffer_(std::move(buffer)), part_(part) {}

  ThreadPool* pool_;
  PageBuffer buffer_;
  int64_t part_;      // bytes of a thread
  int64_t next_ = 0;  // of each part
};

// Reads the whole buffer `passes` times.
Result<ReadBandwidth> measure_read(ThreadPool& pool, int64_t buffer_bytes, int passes);

}  // namespace ix::limits
