// A whole file, mapped read-only. Unmapped when destroyed.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/result.h"

namespace ix::gguf {

class MappedFile {
 public:
  // Only regular files; a message begins with the path. An empty file is corrupt.
  static Result<MappedFile> open(const std::string& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }

  // Lets the pages go that lie whole inside part, where part lies inside this mapping.
  void release(std::span<const std::byte> part) const;

 private:
  explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::span<const std::byte> bytes_;
};

}  // namespace ix::gguf
