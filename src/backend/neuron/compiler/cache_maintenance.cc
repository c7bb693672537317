// What people do with the cache: list, verify, prune, export, import.
#include <algorithm>
#include <filesystem>
#include <set>

#include "backend/neuron/compiler/cache_files.h"
#include "backend/neuron/compiler/deployment.h"
#include "backend/neuron/compiler/file_lock.h"
#include "backend/neuron/compiler/neff_cache.h"

namespace ix::backend::neuron {
namespace {

namespace fs = std::filesystem;

uint64_t tree_bytes(const fs::path& path) {
  uint64_t bytes = 0;
  std::error_code error;
  if (fs::is_regular_file(path, error)) return fs::file_size(path, error);
  for (fs::recursive_directory_iterator it(path, error), end; it != end; it.increment(error)) {
    if (!it->is_regular_file(error)) continue;
    const uint64_t size = it->file_size(error);
    if (!error) bytes += size;
  }
  return bytes;
}

void remove_counted(const fs::path& path, PruneResult& result) {
  std::error_code error;
  const uint64_t bytes = tree_bytes(path);
  if (fs::remove_all(path, error) == 0 || error) return;
  ++result.removed;
  result.freed_bytes += bytes;
}

std::vector<fs::path> children(const fs::path& path) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& child : fs::directory_iterator(path, error)) found.push_back(child.path());
  std::ranges::sort(found);
  return found;
}

// A verified entry, into `target` by way of `building`. Logs and HLO go with it where they are.
Status copy_entry(const fs::path& source, const StoredEntry& stored, const fs::path& building,
                  const fs::path& target) {
  IX_ASSIGN_OR_RETURN(ScratchDirectory scratch,
                      ScratchDirectory::make(building, target.filename().string()));
  IX_RETURN_IF_ERROR(write_file(scratch.path() / kNeffFile, stored.neff));
  IX_RETURN_IF_ERROR(write_text(scratch.path() / kEntryFile, to_json(stored.entry)));
  for (const char* file : {kHloFile, kOutputFile, kLogFile}) {
    const Result<std::string> text = read_text(source / file);
    if (text.ok()) IX_RETURN_IF_ERROR(write_text(scratch.path() / file, *text));
  }
  return scratch.publish(target);
}

// Of a directory in building/: the entry's name, without the part that makes it unique.
std::string building_name(const fs::path& path) {
  const std::string file = path.filename().string();
  return file.substr(0, file.rfind('.'));
}

// Deployments without one of their programs.
void prune_deployments(const NeffCache& cache, const std::vector<CacheEntry>& entries,
                       PruneResult& result) {
  std::set<std::string> keys;
  for (const CacheEntry& entry : entries) keys.insert(entry.program_key);
  for (const Deployment& deployment : list_deployments(cache.root())) {
    const bool whole = std::ranges::all_of(
        deployment.programs, [&](const std::string& key) { return keys.contains(key); });
    const fs::path file = fs::path(cache.root()) / kDeployments / (deployment.name() + ".json");
    if (!whole) remove_counted(file, result);
  }
}

bool is_to_go(const CacheEntry& entry, const PruneOptions& options) {
  return entry.created < options.created_before ||
         (!options.keep_only_compiler.empty() && entry.compiler != options.keep_only_compiler);
}

}  // namespace

Result<std::vector<std::string>> NeffCache::names() const {
  std::vector<std::string> found;
  for (const fs::path& path : children(root_ + "/entries")) {
    std::error_code error;
    if (fs::is_directory(path, error)) found.push_back(path.filename().string());
  }
  return found;
}

Result<std::vector<CacheEntry>> NeffCache::list() const {
  IX_ASSIGN_OR_RETURN(const std::vector<std::string> all, names());
  std::vector<CacheEntry> entries;
  for (const std::string& name : all) {
    const Result<std::string> text = read_text(entry_path(name) + "/" + kEntryFile);
    if (!text.ok()) continue;
    Result<CacheEntry> entry = entry_from_json(*text);
    if (entry.ok() && entry->directory_name() == name) entries.push_back(*std::move(entry));
  }
  return entries;
}

Result<std::vector<DamagedEntry>> NeffCache::verify() const {
  IX_ASSIGN_OR_RETURN(const std::vector<std::string> all, names());
  std::vector<DamagedEntry> damaged;
  for (const std::string& name : all) {
    const Result<CachedNeff> read = read_or_put_aside(name);
    if (read.ok() || read.status().code() == StatusCode::not_found) continue;
    if (read.status().code() != StatusCode::corrupt) return read.status();
    damaged.push_back({name, read.status().message()});
  }
  return damaged;
}

Result<PruneResult> NeffCache::prune(const PruneOptions& options) const {
  PruneResult result;
  IX_ASSIGN_OR_RETURN(const std::vector<CacheEntry> entries, list());
  for (const CacheEntry& entry : entries) {
    if (is_to_go(entry, options)) remove_counted(entry_path(entry.directory_name()), result);
  }
  for (const char* folder : {"/failed", "/damaged"}) {
    for (const fs::path& path : children(root_ + folder)) remove_counted(path, result);
  }
  for (const fs::path& path : children(root_ + "/building")) {
    IX_ASSIGN_OR_RETURN(const std::optional<FileLock> lock,
                        FileLock::try_acquire(lock_path(building_name(path))));
    if (lock.has_value()) remove_counted(path, result);
  }
  IX_ASSIGN_OR_RETURN(const std::vector<CacheEntry> left, list());
  prune_deployments(*this, left, result);
  return result;
}

Result<CopyResult> NeffCache::import_from(const std::string& directory) const {
  std::error_code error;
  const fs::path entries = fs::path(directory) / "entries";
  if (!fs::is_directory(entries, error)) {
    return not_found(directory + ": is not an exported cache: it has no folder \"entries\"");
  }
  CopyResult result;
  for (const fs::path& source : children(entries)) {
    const std::string name = source.filename().string();
    const Result<StoredEntry> stored = read_entry(source, name);
    if (!stored.ok()) continue;
    if (fs::exists(entry_path(name), error)) {
      ++result.present;
      continue;
    }
    IX_RETURN_IF_ERROR(copy_entry(source, *stored, root_ + "/building", entry_path(name)));
    ++result.copied;
  }
  for (const Deployment& deployment : list_deployments(directory)) {
    IX_RETURN_IF_ERROR(store_deployment(*this, deployment));
  }
  return result;
}

Result<CopyResult> NeffCache::export_to(const std::string& directory) const {
  IX_ASSIGN_OR_RETURN(const NeffCache target, open(directory));
  return target.import_from(root_);
}

}  // namespace ix::backend::neuron
