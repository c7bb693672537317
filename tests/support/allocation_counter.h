// Counts heap allocations of the whole process, on all threads. Link allocation_counter.cc: it
// stands in for malloc and its like, so for operator new too, with glibc's own behind it.
#pragma once

#include <cstdint>

namespace ix::testing {

// Calls of malloc, calloc, realloc, memalign, aligned_alloc and posix_memalign while it lives. One
// at a time.
class AllocationCounter {
 public:
  AllocationCounter();
  ~AllocationCounter();
  AllocationCounter(const AllocationCounter&) = delete;
  AllocationCounter& operator=(const AllocationCounter&) = delete;

  int64_t count() const;
};

}  // namespace ix::testing
