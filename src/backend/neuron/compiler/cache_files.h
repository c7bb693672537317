// Whole files of the cache, and entries in their directories.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backend/neuron/compiler/cache_entry.h"
#include "base/result.h"

namespace ix::backend::neuron {

// An entry as it lies in its directory; see neff_cache.h.
struct StoredEntry {
  CacheEntry entry;
  std::vector<std::byte> neff;
};

Status system_error(const std::filesystem::path& path, std::string_view action, int error);

// not_found where there is no such file.
Result<std::vector<std::byte>> read_file(const std::filesystem::path& path);
Result<std::string> read_text(const std::filesystem::path& path);
Status write_file(const std::filesystem::path& path, std::span<const std::byte> bytes);
Status write_text(const std::filesystem::path& path, std::string_view text);
Status make_directory(const std::filesystem::path& path);

// A new directory in `parent`, removed with its content when the scope ends.
class ScratchDirectory {
 public:
  static Result<ScratchDirectory> make(const std::filesystem::path& parent,
                                       const std::string& name);
  ScratchDirectory(ScratchDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ScratchDirectory& operator=(ScratchDirectory&&) = delete;
  ~ScratchDirectory();

  const std::filesystem::path& path() const { return path_; }
  // Moves it to where it shall stay. ok, and nothing moved, where there is something already.
  Status publish(const std::filesystem::path& target);

 private:
  explicit ScratchDirectory(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

std::string hash_bytes(std::span<const std::byte> bytes);

// Reads and checks the entry in a directory. not_found where there is no directory; corrupt where
// its description or its NEFF is not what was stored, or `name` is not the description's.
Result<StoredEntry> read_entry(const std::filesystem::path& directory, const std::string& name);

}  // namespace ix::backend::neuron
