#include "backend/neuron/device_tensor.h"

#include <fmt/format.h>

#include <algorithm>

namespace ix::backend::neuron {
namespace {

// A write holds the device's queue; others get their turn between pieces.
constexpr size_t kPiece = size_t{64} << 20;
constexpr double kGigabyte = 1e9;

// " (15.9 of 17.2 GB are in use)", where the library can tell.
std::string memory_note(const nrt::Functions& nrt, int core) {
  nrt::MemoryStats stats{};
  size_t filled = 0;
  if (nrt.get_vnc_memory_stats == nullptr ||
      nrt.get_vnc_memory_stats(static_cast<uint32_t>(core), &stats, sizeof(stats), &filled) !=
          nrt::kSuccess ||
      filled < sizeof(stats)) {
    return {};
  }
  return fmt::format(" ({:.1f} of {:.1f} GB are in use)",
                     static_cast<double>(stats.bytes_used) / kGigabyte,
                     static_cast<double>(stats.bytes_limit) / kGigabyte);
}

}  // namespace

Result<std::shared_ptr<Allocation>> Allocation::make(std::shared_ptr<Session> session,
                                                     std::shared_ptr<TensorSets> sets, int rank,
                                                     const xla::hlo::Shape& shape,
                                                     const std::string& name) {
  if (std::ranges::any_of(shape.dims, [](int64_t dim) { return dim <= 0; })) {
    return invalid_argument(fmt::format("{}: {} has no elements, which libnrt does not allocate",
                                        name, to_text(shape)));
  }
  std::shared_ptr<Allocation> made(
      new Allocation(std::move(session), std::move(sets), rank, shape, name));
  const nrt::Functions& nrt = made->session_->nrt();
  const Status status = made->session_->call(made->what("nrt_tensor_allocate"), [&] {
    return nrt.tensor_allocate(nrt::Placement::device, rank, made->size_, name.c_str(),
                               &made->tensor_);
  });
  if (status.ok()) return made;
  made->tensor_ = nullptr;
  if (status.code() != StatusCode::resource_exhausted) return status;
  return Status(status.code(), status.message() + memory_note(nrt, rank));
}

Allocation::~Allocation() {
  if (tensor_ == nullptr || session_->left_behind()) return;
  sets_->forget(tensor_);
  session_->nrt().tensor_free(&tensor_);
}

std::string Allocation::what(const char* function) const {
  return fmt::format("{} of {} {} on core {}", function, name_, to_text(shape_), rank_);
}

Status Allocation::fill_with_zeros() {
  return session_->call(what("nrt_tensor_memset"),
                        [&] { return session_->nrt().tensor_memset(tensor_, 0, 0, size_); });
}

Status Allocation::write(size_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto piece = bytes.first(std::min(bytes.size(), kPiece));
    IX_RETURN_IF_ERROR(session_->call(what("nrt_tensor_write"), [&] {
      return session_->nrt().tensor_write(tensor_, piece.data(), offset, piece.size());
    }));
    offset += piece.size();
    bytes = bytes.subspan(piece.size());
  }
  return ok_status();
}

Status Allocation::read(std::span<std::byte> bytes) const {
  return session_->call(what("nrt_tensor_read"), [&] {
    return session_->nrt().tensor_read(tensor_, bytes.data(), 0, bytes.size());
  });
}

Status NeuronUpload::write(int64_t offset, std::span<const std::byte> bytes) {
  if (allocation_ == nullptr) return invalid_argument("the upload was finished");
  const size_t size = allocation_->size();
  if (offset < 0 || static_cast<size_t>(offset) > size ||
      bytes.size() > size - static_cast<size_t>(offset)) {
    return invalid_argument(fmt::format("{}: bytes {} to {} are outside its {}",
                                        allocation_->name(), offset,
                                        offset + static_cast<int64_t>(bytes.size()), size));
  }
  IX_RETURN_IF_ERROR(allocation_->session()->alive());
  IX_RETURN_IF_ERROR(allocation_->write(static_cast<size_t>(offset), bytes));
  written_ += bytes.size();
  return ok_status();
}

Result<std::unique_ptr<xla::DeviceTensor>> NeuronUpload::finish() {
  if (allocation_ == nullptr) return invalid_argument("the upload was finished");
  if (written_ != allocation_->size()) {
    return invalid_argument(fmt::format("{}: {} of its {} bytes were written", allocation_->name(),
                                        written_.load(), allocation_->size()));
  }
  return std::unique_ptr<xla::DeviceTensor>(std::make_unique<NeuronTensor>(std::move(allocation_)));
}

}  // namespace ix::backend::neuron
