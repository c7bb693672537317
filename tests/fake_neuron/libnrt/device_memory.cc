#include "fake_neuron/libnrt/device_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "fake_neuron/libnrt/log.h"

namespace ix::fake_nrt {
namespace {

constexpr size_t kPage = 4096;
// Memory of a device is not zero when it is allocated. More than this is left to the sparse file.
constexpr size_t kDirtyBytes = size_t{1} << 20;
constexpr int kDirt = 0xA5;

size_t whole_pages(size_t size) { return (size + kPage - 1) / kPage * kPage; }

uint32_t crc_of(std::span<const std::byte> bytes) {
  return static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

uint32_t crc_of_fill(int value, size_t size) {
  const std::vector<std::byte> block(std::min<size_t>(size, kDirtyBytes),
                                     static_cast<std::byte>(value));
  uLong crc = 0;
  for (size_t done = 0; done < size; done += block.size()) {
    const size_t piece = std::min(block.size(), size - done);
    crc = crc32_z(crc, reinterpret_cast<const Bytef*>(block.data()), piece);
  }
  return static_cast<uint32_t>(crc);
}

}  // namespace

Storage::Storage(DeviceMemory& memory, int core, size_t size)
    : memory_(memory), core_(core), size_(size) {
  if (memory_.hashes_only_) return;
  bytes_ = memory_.map(size);
  std::memset(bytes_, kDirt, std::min(size, kDirtyBytes));
}

Storage::~Storage() {
  if (bytes_ != nullptr) memory_.unmap(bytes_, size_);
  memory_.give_back(core_, size_);
}

void Storage::note_piece(size_t offset, Piece piece) {
  const auto next = pieces_.lower_bound(offset);
  if (next != pieces_.end() && next->first < offset + piece.size) overwritten_ = true;
  if (next != pieces_.begin()) {
    const auto& [before, size_and_crc] = *std::prev(next);
    if (before + size_and_crc.size > offset) overwritten_ = true;
  }
  // All of it at once replaces what was there.
  if (offset == 0 && piece.size == size_) {
    pieces_.clear();
    overwritten_ = false;
  }
  pieces_[offset] = piece;
}

void Storage::write(size_t offset, std::span<const std::byte> bytes) {
  if (bytes_ != nullptr) {
    std::memcpy(bytes_ + offset, bytes.data(), bytes.size());
  } else {
    note_piece(offset, {bytes.size(), crc_of(bytes)});
  }
}

void Storage::fill(size_t offset, int value, size_t size) {
  if (bytes_ != nullptr) {
    std::memset(bytes_ + offset, value, size);
  } else {
    note_piece(offset, {size, crc_of_fill(value, size)});
  }
}

std::optional<uint32_t> Storage::crc() const {
  if (bytes_ != nullptr) return crc_of({bytes_, size_});
  if (overwritten_) return std::nullopt;
  uLong crc = 0;
  size_t end = 0;
  for (const auto& [offset, piece] : pieces_) {
    if (offset != end) return std::nullopt;
    crc = crc32_combine(crc, piece.crc, static_cast<z_off_t>(piece.size));
    end += piece.size;
  }
  if (end != size_) return std::nullopt;
  return static_cast<uint32_t>(crc);
}

void DeviceMemory::open(const std::string& directory, int cores, uint64_t core_bytes,
                        bool hashes_only) {
  used_.assign(cores, 0);
  most_used_.assign(cores, 0);
  core_bytes_ = core_bytes;
  hashes_only_ = hashes_only;
  if (hashes_only || file_ >= 0) return;
  std::filesystem::create_directories(directory);
  std::string path = directory + "/memory.XXXXXX";
  file_ = ::mkostemp(path.data(), O_CLOEXEC);
  if (file_ < 0) violation("no file for the memory of the device: " + path);
  ::unlink(path.c_str());
}

bool DeviceMemory::take(int core, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes > core_bytes_ - used_.at(core)) return false;
  used_[core] += bytes;
  most_used_[core] = std::max(most_used_[core], used_[core]);
  return true;
}

void DeviceMemory::give_back(int core, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  used_.at(core) -= bytes;
}

uint64_t DeviceMemory::used(int core) const {
  const std::lock_guard lock(mutex_);
  return used_.at(core);
}

uint64_t DeviceMemory::most_used(int core) const {
  const std::lock_guard lock(mutex_);
  return most_used_.at(core);
}

std::shared_ptr<Storage> DeviceMemory::allocate(int core, size_t size) {
  return take(core, size) ? std::make_shared<Storage>(*this, core, size) : nullptr;
}

std::byte* DeviceMemory::map(size_t size) {
  const std::lock_guard lock(mutex_);
  const size_t bytes = whole_pages(size);
  if (::ftruncate(file_, static_cast<off_t>(file_size_ + bytes)) != 0) {
    violation("the file of the device's memory cannot grow");
  }
  void* address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file_,
                         static_cast<off_t>(file_size_));
  if (address == MAP_FAILED) violation("the device's memory cannot be mapped");
  auto* mapped = static_cast<std::byte*>(address);
  offsets_[mapped] = file_size_;
  file_size_ += bytes;
  return mapped;
}

void DeviceMemory::unmap(std::byte* bytes, size_t size) {
  const std::lock_guard lock(mutex_);
  ::munmap(bytes, whole_pages(size));
  const auto offset = static_cast<off_t>(offsets_.at(bytes));
  ::fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
              static_cast<off_t>(whole_pages(size)));
  offsets_.erase(bytes);
}

}  // namespace ix::fake_nrt
