// An array on a device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "backend/xla/hlo/shape.h"
#include "backend/xla/pjrt/event.h"

namespace ix::backend::xla::pjrt {

// Thread-safe as far as the plugin is: calls on different buffers. The client outlives it; work
// that reads or writes it need not have ended when it goes.
class Buffer {
 public:
  Buffer(const Plugin& plugin, abi::Buffer* buffer)
      : plugin_(&plugin), buffer_(own(plugin, buffer)) {}

  // Copies the array, row-major, when what computes it has ended. `rank` is the array's.
  Status read(int64_t rank, std::span<std::byte> bytes) const;

  // Whether it was deleted or donated to an execution.
  Result<bool> deleted() const;

  // Address in the device's memory, for tests.
  Result<uintptr_t> address() const;

  abi::Buffer* get() const { return buffer_.get(); }

 private:
  const Plugin* plugin_;
  Handle<abi::Buffer> buffer_;
};

}  // namespace ix::backend::xla::pjrt
