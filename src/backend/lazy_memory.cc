#include "backend/lazy_memory.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace ix::backend {

LazyMemory::~LazyMemory() {
  if (data_ != nullptr) munmap(data_, static_cast<size_t>(size_));
}

LazyMemory::LazyMemory(LazyMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

LazyMemory& LazyMemory::operator=(LazyMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Result<LazyMemory> LazyMemory::map(int64_t bytes) {
  LazyMemory memory;
  if (bytes <= 0) return memory;
  void* data = mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) {
    return resource_exhausted(
        fmt::format("cannot map {} bytes: {}; use a smaller context", bytes, std::strerror(errno)));
  }
  memory.data_ = static_cast<std::byte*>(data);
  memory.size_ = bytes;
  return memory;
}

}  // namespace ix::backend
