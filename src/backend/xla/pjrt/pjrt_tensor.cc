#include "backend/xla/pjrt/pjrt_tensor.h"

#include <fmt/format.h>

#include <cstring>

namespace ix::backend::xla::pjrt {

Result<std::unique_ptr<PjrtTensor>> PjrtTensor::make(const Client& client, int rank,
                                                     hlo::Shape shape, std::string name,
                                                     PageBuffer content) {
  // Off CPUs the plugin copies, and some know no zero copy.
  const auto semantics = client.platform() == "cpu"
                             ? abi::HostBufferSemantics::mutable_zero_copy
                             : abi::HostBufferSemantics::immutable_until_transfer_completes;
  // Lives until the plugin is done with it.
  const auto memory = std::make_shared<PageBuffer>(std::move(content));
  auto transfer = client.transfer(static_cast<size_t>(rank), shape, memory->data(), semantics);
  if (!transfer.ok()) return transfer.status().with_context(name);
  const Status kept = transfer->done.on_ready([memory](const Status&) {});
  if (!kept.ok()) {
    { const Buffer dropped = std::move(transfer->buffer); }
    static_cast<void>(transfer->done.await(kNoDeadline));
    return kept.with_context(name);
  }
  return std::make_unique<PjrtTensor>(client, rank, std::move(shape), std::move(name),
                                      std::move(transfer->buffer));
}

Status PjrtUpload::write(int64_t offset, std::span<const std::byte> bytes) {
  const uint64_t size = content_.size();
  if (offset < 0 || static_cast<uint64_t>(offset) > size ||
      bytes.size() > size - static_cast<uint64_t>(offset)) {
    return invalid_argument(fmt::format("{}: {} bytes at {} are beyond its end, {}", name_,
                                        bytes.size(), offset, size));
  }
  if (!bytes.empty()) std::memcpy(content_.data() + offset, bytes.data(), bytes.size());
  written_ += bytes.size();
  return {};
}

Result<std::unique_ptr<DeviceTensor>> PjrtUpload::finish() {
  if (written_ != content_.size()) {
    return invalid_argument(
        fmt::format("{}: {} of {} bytes were written", name_, written_, content_.size()));
  }
  IX_ASSIGN_OR_RETURN(auto tensor, PjrtTensor::make(client_, rank_, std::move(shape_),
                                                    std::move(name_), std::move(content_)));
  return std::unique_ptr<DeviceTensor>(std::move(tensor));
}

}  // namespace ix::backend::xla::pjrt
