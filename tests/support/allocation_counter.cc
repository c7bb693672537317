#include "support/allocation_counter.h"

#include <atomic>
#include <cerrno>
#include <cstddef>

// What glibc exports for programs that bring a malloc of their own.
extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* old, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);
}

namespace ix::testing {
namespace {

std::atomic<bool> counting{false};
std::atomic<int64_t> allocations{0};

void count_one() {
  if (counting.load(std::memory_order_relaxed)) allocations.fetch_add(1);
}

}  // namespace

AllocationCounter::AllocationCounter() {
  allocations = 0;
  counting = true;
}

AllocationCounter::~AllocationCounter() { counting = false; }

int64_t AllocationCounter::count() const { return allocations; }

}  // namespace ix::testing

extern "C" {

void* malloc(size_t bytes) {
  ix::testing::count_one();
  return __libc_malloc(bytes);
}

void* calloc(size_t count, size_t bytes) {
  ix::testing::count_one();
  return __libc_calloc(count, bytes);
}

void* realloc(void* old, size_t bytes) {
  ix::testing::count_one();
  return __libc_realloc(old, bytes);
}

void* memalign(size_t alignment, size_t bytes) {
  ix::testing::count_one();
  return __libc_memalign(alignment, bytes);
}

void* aligned_alloc(size_t alignment, size_t bytes) {
  ix::testing::count_one();
  return __libc_memalign(alignment, bytes);
}

int posix_memalign(void** out, size_t alignment, size_t bytes) {
  ix::testing::count_one();
  *out = __libc_memalign(alignment, bytes);
  return *out == nullptr ? ENOMEM : 0;
}

}  // extern "C"
