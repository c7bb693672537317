#include "backend/xla/pjrt/buffer.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace ix::backend::xla::pjrt {

Status Buffer::read(int64_t rank, std::span<std::byte> bytes) const {
  if (bytes.empty()) return {};
  std::vector<int64_t> minor_to_major(static_cast<size_t>(rank));
  std::iota(minor_to_major.rbegin(), minor_to_major.rend(), 0);
  // A device may keep the array in another order.
  auto layout = plugin_->make<abi::MemoryLayout>();
  layout.type = abi::MemoryLayoutType::tiled;
  layout.tiled = plugin_->make<abi::MemoryLayoutTiled>();
  layout.tiled.minor_to_major = minor_to_major.data();
  layout.tiled.minor_to_major_size = minor_to_major.size();

  auto args = plugin_->make<abi::BufferToHostBufferArgs>();
  args.source = buffer_.get();
  args.host_layout = &layout;
  args.destination = bytes.data();
  args.destination_size = bytes.size();
  IX_RETURN_IF_ERROR(plugin_->call(&abi::Api::buffer_to_host_buffer, args));
  return Event(*plugin_, args.event).await(kNoDeadline);
}

Result<bool> Buffer::deleted() const {
  auto args = plugin_->make<abi::BufferIsDeletedArgs>();
  args.buffer = buffer_.get();
  IX_RETURN_IF_ERROR(plugin_->call(&abi::Api::buffer_is_deleted, args));
  return args.is_deleted;
}

Result<uintptr_t> Buffer::address() const {
  auto args = plugin_->make<abi::BufferUnsafePointerArgs>();
  args.buffer = buffer_.get();
  IX_RETURN_IF_ERROR(plugin_->call(&abi::Api::buffer_unsafe_pointer, args));
  return args.pointer;
}

}  // namespace ix::backend::xla::pjrt
