#include "backend/neuron/compiler/neff_cache.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "backend/neuron/compiler/cache_files.h"
#include "backend/neuron/compiler/file_lock.h"

namespace ix::backend::neuron {
namespace {

namespace fs = std::filesystem;

Result<std::string> default_root() {
  const auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
  };
  if (std::string root = variable("IX_NEURON_CACHE"); !root.empty()) return root;
  if (const std::string cache = variable("XDG_CACHE_HOME"); !cache.empty()) {
    return cache + "/inference-x/neuron";
  }
  if (const std::string home = variable("HOME"); !home.empty()) {
    return home + "/.cache/inference-x/neuron";
  }
  return invalid_argument("no place for the cache of compiled programs: set IX_NEURON_CACHE");
}

// What someone who was killed left of this entry. Under the entry's lock.
void remove_leftovers(const fs::path& building, const std::string& name) {
  std::error_code error;
  for (const auto& left : fs::directory_iterator(building, error)) {
    if (left.path().filename().string().starts_with(name + ".")) {
      fs::remove_all(left.path(), error);
    }
  }
}

void keep_failed(const fs::path& made, const fs::path& kept) {
  std::error_code error;
  fs::remove_all(kept, error);
  fs::create_directories(kept, error);
  for (const char* file : {kOutputFile, kLogFile, kHloFile}) {
    fs::rename(made / file, kept / file, error);
  }
}

}  // namespace

Result<NeffCache> NeffCache::open(std::string root) {
  if (root.empty()) {
    IX_ASSIGN_OR_RETURN(root, default_root());
  }
  for (const char* folder : {"entries", "building", "locks"}) {
    IX_RETURN_IF_ERROR(make_directory(fs::path(root) / folder));
  }
  return NeffCache(std::move(root));
}

std::string NeffCache::entry_path(const std::string& name) const {
  return root_ + "/entries/" + name;
}

std::string NeffCache::lock_path(const std::string& name) const { return root_ + "/locks/" + name; }

Result<CachedNeff> NeffCache::read_or_put_aside(const std::string& name) const {
  Result<StoredEntry> stored = read_entry(entry_path(name), name);
  if (stored.ok()) {
    return CachedNeff{std::move(stored->entry), std::move(stored->neff), false};
  }
  if (stored.status().code() != StatusCode::corrupt) return stored.status();
  IX_RETURN_IF_ERROR(make_directory(root_ + "/damaged"));
  // Several of one name may be damaged in the course of time.
  const std::string aside =
      fmt::format("{}/damaged/{}.{:x}", root_, name,
                  std::chrono::system_clock::now().time_since_epoch().count());
  std::error_code error;
  fs::rename(entry_path(name), aside, error);
  return Status(StatusCode::corrupt,
                fmt::format("{}: {}; it was moved to {}", name, stored.status().message(), aside));
}

Result<CachedNeff> NeffCache::find(const std::string& program_key,
                                   const std::string& compiler) const {
  std::string name;
  if (!compiler.empty()) {
    CacheEntry entry;
    entry.program_key = program_key;
    entry.compiler = compiler;
    name = entry.directory_name();
  } else {
    IX_ASSIGN_OR_RETURN(const std::vector<CacheEntry> entries, list());
    int64_t newest = 0;
    for (const CacheEntry& entry : entries) {
      if (entry.program_key != program_key || entry.created < newest) continue;
      newest = entry.created;
      name = entry.directory_name();
    }
    if (name.empty()) return not_found(fmt::format("{}: no entry {}", root_, program_key));
  }
  Result<CachedNeff> found = read_or_put_aside(name);
  if (!found.ok() && found.status().code() == StatusCode::corrupt) {
    return not_found(found.status().message());
  }
  return found;
}

Result<CachedNeff> NeffCache::find_or_build(
    CacheEntry entry, const Building& building,
    FunctionRef<Status(const std::string& directory)> make) const {
  // Most reads need no lock: entries appear whole.
  Result<CachedNeff> found = find(entry.program_key, entry.compiler);
  if (found.ok() || found.status().code() != StatusCode::not_found) return found;

  const std::string name = entry.directory_name();
  IX_ASSIGN_OR_RETURN(const FileLock lock,
                      FileLock::acquire(lock_path(name), building.cancelled, building.waiting));
  found = find(entry.program_key, entry.compiler);
  if (found.ok() || found.status().code() != StatusCode::not_found) return found;

  remove_leftovers(root_ + "/building", name);
  IX_ASSIGN_OR_RETURN(ScratchDirectory scratch, ScratchDirectory::make(root_ + "/building", name));
  const auto start = std::chrono::steady_clock::now();
  if (const Status made = make(scratch.path().string()); !made.ok()) {
    if (made.code() != StatusCode::cancelled)
      keep_failed(scratch.path(), root_ + "/failed/" + name);
    return made;
  }
  IX_ASSIGN_OR_RETURN(std::vector<std::byte> bytes, read_file(scratch.path() / kNeffFile));
  using Seconds = std::chrono::duration<double>;
  entry.compile_seconds = Seconds(std::chrono::steady_clock::now() - start).count();
  entry.created = std::chrono::duration_cast<std::chrono::seconds>(
                      std::chrono::system_clock::now().time_since_epoch())
                      .count();
  entry.neff_bytes = bytes.size();
  entry.checksum = hash_bytes(bytes);
  IX_RETURN_IF_ERROR(write_text(scratch.path() / kEntryFile, to_json(entry)));
  IX_RETURN_IF_ERROR(scratch.publish(entry_path(name)));
  return CachedNeff{std::move(entry), std::move(bytes), true};
}

}  // namespace ix::backend::neuron
