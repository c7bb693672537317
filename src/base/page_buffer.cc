#include "base/page_buffer.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "base/checked_math.h"

namespace ix {
namespace {

constexpr uint64_t kHugePage = uint64_t{2} << 20;
constexpr uint64_t kMostBytes = uint64_t{1} << 46;  // half of a process's address space

std::string memory_lock_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return "none";
  return fmt::format("{} KiB", limit.rlim_cur / 1024);
}

}  // namespace

PageBuffer::~PageBuffer() {
  if (data_ != nullptr) munmap(data_, mapped_);
}

PageBuffer::PageBuffer(PageBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      mapped_(std::exchange(other.mapped_, 0)) {}

PageBuffer& PageBuffer::operator=(PageBuffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(mapped_, other.mapped_);
  return *this;
}

Result<PageBuffer> PageBuffer::map(uint64_t bytes, uint64_t slack, int flags) {
  PageBuffer buffer;
  if (bytes == 0) return buffer;
  if (bytes > kMostBytes) {
    return resource_exhausted(fmt::format("cannot allocate {} bytes", bytes));
  }
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const uint64_t mapped = round_up(bytes, page) + slack;
  void* data =
      mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  if (data == MAP_FAILED) {
    return resource_exhausted(fmt::format("cannot allocate {} bytes: {}", bytes, strerror(errno)));
  }
  buffer.data_ = static_cast<std::byte*>(data);
  buffer.size_ = bytes;
  buffer.mapped_ = mapped;
  return buffer;
}

void PageBuffer::align(uint64_t boundary) {
  const auto address = reinterpret_cast<uintptr_t>(data_);
  const uint64_t before = round_up<uint64_t>(address, boundary) - address;
  if (before != 0) munmap(data_, before);
  data_ += before;
  mapped_ -= boundary;
  if (before != boundary) munmap(data_ + mapped_, boundary - before);
}

Result<PageBuffer> PageBuffer::map_huge(uint64_t bytes, int flags) {
  if (bytes < kHugePage) return map(bytes, 0, flags);
  IX_ASSIGN_OR_RETURN(PageBuffer buffer, map(bytes, kHugePage, flags));
  buffer.align(kHugePage);
#if defined(MADV_HUGEPAGE)
  // A wish: without huge pages it is only slower.
  madvise(buffer.data_, buffer.mapped_, MADV_HUGEPAGE);
#endif
  return buffer;
}

Status PageBuffer::lock() const {
  // Not mlock(): that of the sanitizers does nothing.
  if (size_ == 0 || syscall(SYS_mlock, data_, size_) == 0) return ok_status();
  return resource_exhausted(fmt::format(
      "cannot lock {} MiB in memory: {}; this process may lock {} (RLIMIT_MEMLOCK): raise it with "
      "'ulimit -l' or in /etc/security/limits.conf",
      size_ >> 20, strerror(errno), memory_lock_limit()));
}

Result<PageBuffer> PageBuffer::allocate(uint64_t bytes) { return map_huge(bytes, 0); }

Result<PageBuffer> PageBuffer::reserve(uint64_t bytes) { return map_huge(bytes, MAP_NORESERVE); }

}  // namespace ix
