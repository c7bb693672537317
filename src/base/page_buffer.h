// Memory taken from the system in whole pages, zero at first, committed where it is first touched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"

namespace ix {

// Both ways to make one give memory at a page boundary, from 2 MiB up in huge pages where there are
// any and at a boundary of 2 MiB, or an empty buffer for 0 bytes, and answer resource_exhausted
// where the system refuses.
class PageBuffer {
 public:
  PageBuffer() = default;
  ~PageBuffer();
  PageBuffer(PageBuffer&& other) noexcept;
  PageBuffer& operator=(PageBuffer&& other) noexcept;
  PageBuffer(const PageBuffer&) = delete;
  PageBuffer& operator=(const PageBuffer&) = delete;

  // For memory that is used as a whole.
  static Result<PageBuffer> allocate(uint64_t bytes);

  // For memory of which only a part may ever be used: it may be larger than what the system has. A
  // touch commits up to 2 MiB.
  static Result<PageBuffer> reserve(uint64_t bytes);

  // Keeps the pages in memory, never swapped out, while the buffer lives. resource_exhausted, with
  // the process's limit and how to raise it, where the system refuses.
  Status lock() const;

  std::byte* data() const { return data_; }
  uint64_t size() const { return size_; }
  std::span<std::byte> bytes() const { return {data_, static_cast<size_t>(size_)}; }

 private:
  // mapped_ is `slack` more than the pages of `bytes`.
  static Result<PageBuffer> map(uint64_t bytes, uint64_t slack, int flags);
  static Result<PageBuffer> map_huge(uint64_t bytes, int flags);
  // Moves data_ up to the boundary and gives the rest of a slack of that size back.
  void align(uint64_t boundary);

  std::byte* data_ = nullptr;
  uint64_t size_ = 0;    // as asked for
  uint64_t mapped_ = 0;  // whole pages
};

}  // namespace ix
