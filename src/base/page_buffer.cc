#include "base/page_buffer.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/checked_math.h"

namespace ix {
namespace {

constexpr uint64_t kHugePage = uint64_t{2} << 20;

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

Result<PageBuffer> PageBuffer::allocate(uint64_t bytes) {
  IX_CHECK(bytes > 0);
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  if (bytes > uint64_t{1} << 46) {
    return resource_exhausted(fmt::format("cannot allocate {} bytes", bytes));
  }
  const uint64_t mapped = round_up(bytes, page);
  // Room to cut a mapping out that begins at a huge page.
  const uint64_t slack = mapped >= kHugePage ? kHugePage : 0;
  void* start =
      mmap(nullptr, mapped + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) {
    return resource_exhausted(fmt::format("cannot allocate {} bytes: {}", bytes, strerror(errno)));
  }
  auto* data = static_cast<std::byte*>(start);
  if (slack != 0) {
    const auto address = reinterpret_cast<uintptr_t>(data);
    const uint64_t before = round_up<uint64_t>(address, kHugePage) - address;
    if (before != 0) munmap(data, before);
    data += before;
    if (slack - before != 0) munmap(data + mapped, slack - before);
#if defined(MADV_HUGEPAGE)
    madvise(data, mapped, MADV_HUGEPAGE);  // a wish: without huge pages it is only slower
#endif
  }
  PageBuffer buffer;
  buffer.data_ = data;
  buffer.size_ = bytes;
  buffer.mapped_ = mapped;
  return buffer;
}

}  // namespace ix
