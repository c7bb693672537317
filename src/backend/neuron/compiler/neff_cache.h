// Compiled programs on disk. Below the root:
//   entries/NAME/   entry.json, model.neff, module.pb (its HLO), and the compiler's logs
//   deployments/    which programs serve a model: deployment.h
//   building/       entries that are being made; renamed into entries/ when they are whole
//   locks/          one file a name: who holds its lock makes the entry
//   failed/NAME/    logs and HLO of compilations that failed
//   damaged/        entries whose NEFF or description did not check
// Threads and processes may share a root. A NEFF is checked against its checksum on every read.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "backend/neuron/compiler/cache_entry.h"
#include "base/function_ref.h"
#include "base/result.h"

namespace ix::backend::neuron {

struct CachedNeff {
  CacheEntry entry;
  std::vector<std::byte> bytes;
  bool was_built = false;  // by this call
};

struct DamagedEntry {
  std::string name;
  std::string reason;  // and where it was put
};

struct PruneOptions {
  int64_t created_before = 0;      // seconds since 1970: older entries go
  std::string keep_only_compiler;  // where set, entries of other versions go
};

struct PruneResult {
  int64_t removed = 0;  // entries, failed and damaged ones included
  uint64_t freed_bytes = 0;
};

struct CopyResult {
  int64_t copied = 0;
  int64_t present = 0;  // were there already
};

class NeffCache {
 public:
  // `root`; where it is empty, IX_NEURON_CACHE, then $XDG_CACHE_HOME/inference-x/neuron, then
  // ~/.cache/inference-x/neuron. Made where it is missing.
  static Result<NeffCache> open(std::string root = {});

  const std::string& root() const { return root_; }

  // The program's entry, of this compiler, or the newest of any where `compiler` is empty.
  // not_found where there is none; a damaged one is put aside and counts as none.
  Result<CachedNeff> find(const std::string& program_key, const std::string& compiler) const;

  struct Building {
    std::function<bool()> cancelled;  // ends the wait for another process; may be empty
    std::function<void()> waiting;    // another process is making the entry; may be empty
  };
  // find(), or, under the entry's lock, `make`: it gets a directory and leaves model.neff in it.
  // Where make fails its directory's logs and module.pb are kept in failed/, unless it was
  // cancelled. `entry` says what is made; its checksum, size and times are filled in here.
  Result<CachedNeff> find_or_build(CacheEntry entry, const Building& building,
                                   FunctionRef<Status(const std::string& directory)> make) const;

  // What the descriptions say, by name; descriptions that cannot be read are left out.
  Result<std::vector<CacheEntry>> list() const;

  // Reads every entry; puts the damaged ones aside.
  Result<std::vector<DamagedEntry>> verify() const;

  // Removes entries by age or version, everything failed, damaged or left half made, and
  // deployments that have lost a program.
  Result<PruneResult> prune(const PruneOptions& options) const;

  // Copies deployments and every whole entry into another root (a plain directory: it can be
  // mounted, synchronised or packed by whatever the user has, and is checked entry by entry by the
  // same code), or from one. Entries that are there already stay; damaged ones are not copied.
  Result<CopyResult> export_to(const std::string& directory) const;
  Result<CopyResult> import_from(const std::string& directory) const;

 private:
  explicit NeffCache(std::string root) : root_(std::move(root)) {}

  std::string entry_path(const std::string& name) const;
  std::string lock_path(const std::string& name) const;
  Result<CachedNeff> read_or_put_aside(const std::string& name) const;
  Result<std::vector<std::string>> names() const;

  std::string root_;
};

// File names inside an entry and inside the directory that `make` gets.
inline constexpr const char* kDeployments = "deployments";
inline constexpr const char* kEntryFile = "entry.json";
inline constexpr const char* kNeffFile = "model.neff";
inline constexpr const char* kHloFile = "module.pb";
inline constexpr const char* kOutputFile = "compiler-output.txt";
inline constexpr const char* kLogFile = "log-neuron-cc.txt";

}  // namespace ix::backend::neuron
