#include "backend/neuron/compiler/cache_files.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "backend/neuron/compiler/neff_cache.h"

namespace ix::backend::neuron {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

}  // namespace

Status system_error(const std::filesystem::path& path, std::string_view action, int error) {
  StatusCode code = StatusCode::unavailable;
  if (error == ENOENT || error == ENOTDIR) code = StatusCode::not_found;
  if (error == EACCES || error == EPERM || error == EROFS) code = StatusCode::permission_denied;
  if (error == ENOSPC || error == EDQUOT || error == ENOMEM) code = StatusCode::resource_exhausted;
  return {code, fmt::format("{}: cannot {}: {}", path.string(), action,
                            std::generic_category().message(error))};
}

Result<std::vector<std::byte>> read_file(const std::filesystem::path& path) {
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(path, error);
  if (error) return system_error(path, "read it", error.value());
  const File file(std::fopen(path.c_str(), "rbe"));
  if (file == nullptr) return system_error(path, "open it", errno);
  std::vector<std::byte> bytes(size);
  if (std::fread(bytes.data(), 1, size, file.get()) != size) {
    return corrupt(fmt::format("{}: it ended while it was read", path.string()));
  }
  return bytes;
}

Result<std::string> read_text(const std::filesystem::path& path) {
  IX_ASSIGN_OR_RETURN(const std::vector<std::byte> bytes, read_file(path));
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Status write_file(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  File file(std::fopen(path.c_str(), "wbe"));
  if (file == nullptr) return system_error(path, "make it", errno);
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size();
  // Closing writes what is buffered, so it can fail as well.
  if (std::fclose(file.release()) != 0 || !written) return system_error(path, "write it", errno);
  return ok_status();
}

Status write_text(const std::filesystem::path& path, std::string_view text) {
  return write_file(path, std::as_bytes(std::span(text)));
}

Status make_directory(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  return error ? system_error(path, "make the directory", error.value()) : ok_status();
}

Result<ScratchDirectory> ScratchDirectory::make(const std::filesystem::path& parent,
                                                const std::string& name) {
  std::string path = (parent / (name + ".XXXXXX")).string();
  if (::mkdtemp(path.data()) == nullptr) return system_error(path, "make the directory", errno);
  return ScratchDirectory(path);
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code error;
  if (!path_.empty()) std::filesystem::remove_all(path_, error);
}

Status ScratchDirectory::publish(const std::filesystem::path& target) {
  using std::filesystem::perms;
  std::error_code error;
  // mkdtemp lets nobody else in; a cache may be shared.
  std::filesystem::permissions(path_,
                               perms::owner_all | perms::group_read | perms::group_exec |
                                   perms::others_read | perms::others_exec,
                               error);
  std::filesystem::rename(path_, target, error);
  if (error && error != std::errc::directory_not_empty && error != std::errc::file_exists) {
    return system_error(target, "make it", error.value());
  }
  return ok_status();
}

std::string hash_bytes(std::span<const std::byte> bytes) {
  return hash_text({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

Result<StoredEntry> read_entry(const std::filesystem::path& directory, const std::string& name) {
  std::error_code error;
  if (!std::filesystem::is_directory(directory, error)) {
    return not_found(fmt::format("{}: no such entry", directory.string()));
  }
  StoredEntry stored;
  Result<std::string> text = read_text(directory / kEntryFile);
  if (!text.ok()) return corrupt("its description cannot be read");
  IX_ASSIGN_OR_RETURN(stored.entry, entry_from_json(*text));
  if (stored.entry.directory_name() != name) return corrupt("its description is another program's");
  Result<std::vector<std::byte>> neff = read_file(directory / kNeffFile);
  if (!neff.ok()) return corrupt("its NEFF cannot be read");
  stored.neff = *std::move(neff);
  if (stored.neff.size() != stored.entry.neff_bytes) {
    return corrupt(fmt::format("its NEFF has {} bytes and should have {}", stored.neff.size(),
                               stored.entry.neff_bytes));
  }
  if (hash_bytes(stored.neff) != stored.entry.checksum) {
    return corrupt("its NEFF does not have the checksum that it was stored with");
  }
  return stored;
}

}  // namespace ix::backend::neuron
