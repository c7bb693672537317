// Memory taken from the system in whole pages, zero at first, in huge pages where there are any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"

namespace ix {

class PageBuffer {
 public:
  PageBuffer() = default;
  ~PageBuffer();
  PageBuffer(PageBuffer&& other) noexcept;
  PageBuffer& operator=(PageBuffer&& other) noexcept;
  PageBuffer(const PageBuffer&) = delete;
  PageBuffer& operator=(const PageBuffer&) = delete;

  // `bytes` > 0, at a page boundary, from 2 MiB up at one of 2 MiB; nothing is committed before it
  // is written. resource_exhausted where the system refuses.
  static Result<PageBuffer> allocate(uint64_t bytes);

  std::byte* data() const { return data_; }
  uint64_t size() const { return size_; }
  std::span<std::byte> bytes() const { return {data_, static_cast<size_t>(size_)}; }

 private:
  std::byte* data_ = nullptr;
  uint64_t size_ = 0;    // as asked for
  uint64_t mapped_ = 0;  // whole pages
};

}  // namespace ix
