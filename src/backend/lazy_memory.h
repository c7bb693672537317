// Zeroed memory that takes pages only where it is first touched.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"

namespace ix::backend {

class LazyMemory {
 public:
  LazyMemory() = default;
  ~LazyMemory();
  LazyMemory(LazyMemory&& other) noexcept;
  LazyMemory& operator=(LazyMemory&& other) noexcept;

  // resource_exhausted where the address space cannot hold it.
  static Result<LazyMemory> map(int64_t bytes);

  std::byte* data() const { return data_; }  // page aligned
  int64_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace ix::backend
