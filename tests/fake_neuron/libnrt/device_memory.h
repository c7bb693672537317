// Memory of the fake's cores: an account a core, and content in an unlinked sparse file or as
// hashes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ix::fake_nrt {

class DeviceMemory;

// One allocation. Its bytes go back to the account when it goes.
class Storage {
 public:
  Storage(DeviceMemory& memory, int core, size_t size);
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  ~Storage();

  int core() const { return core_; }
  size_t size() const { return size_; }
  // [size]; null where only hashes are kept.
  std::byte* bytes() const { return bytes_; }

  void write(size_t offset, std::span<const std::byte> bytes);
  void fill(size_t offset, int value, size_t size);
  // CRC-32 of the content; nothing unless all of it was written, each byte once.
  std::optional<uint32_t> crc() const;

 private:
  struct Piece {
    size_t size;
    uint32_t crc;
  };
  void note_piece(size_t offset, Piece piece);

  DeviceMemory& memory_;
  const int core_;
  const size_t size_;
  std::byte* bytes_ = nullptr;
  std::map<size_t, Piece> pieces_;  // where only hashes are kept
  bool overwritten_ = false;
};

class DeviceMemory {
 public:
  // Threads: any.
  void open(const std::string& directory, int cores, uint64_t core_bytes, bool hashes_only);

  // False where the core has not so many bytes left.
  bool take(int core, uint64_t bytes);
  void give_back(int core, uint64_t bytes);
  uint64_t used(int core) const;
  uint64_t most_used(int core) const;
  uint64_t limit() const { return core_bytes_; }

  // Null where the core is full.
  std::shared_ptr<Storage> allocate(int core, size_t size);

 private:
  friend class Storage;
  std::byte* map(size_t size);
  void unmap(std::byte* bytes, size_t size);

  mutable std::mutex mutex_;
  std::vector<uint64_t> used_;
  std::vector<uint64_t> most_used_;
  uint64_t core_bytes_ = 0;
  bool hashes_only_ = false;
  int file_ = -1;
  size_t file_size_ = 0;
  std::map<std::byte*, size_t> offsets_;  // of mappings in the file
};

}  // namespace ix::fake_nrt
