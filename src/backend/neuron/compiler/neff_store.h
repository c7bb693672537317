// A program's NEFF, from the cache or from the compiler.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "backend/neuron/compiler/neff_cache.h"
#include "backend/neuron/compiler/neuronx_cc.h"
#include "backend/xla/hlo/module.h"
#include "backend/xla/runtime.h"
#include "base/result.h"

namespace ix::backend::neuron {

// Threads: any number at once.
class NeffStore {
 public:
  // `cache_root` as NeffCache::open takes it. The compiler is looked for when the first program is
  // asked for; where there is none, the cache's programs of any compiler version still serve.
  static Result<std::unique_ptr<NeffStore>> open(const std::string& cache_root,
                                                 CompilerOptions options);

  Result<CachedNeff> get(const xla::hlo::Module& module, xla::ProgramKind kind);

  // What get() would take from the cache; not_found where it would compile.
  Result<CachedNeff> find(const xla::hlo::Module& module, xla::ProgramKind kind);

  const NeffCache& cache() const { return cache_; }
  // not_found where there is none.
  Result<std::string> compiler_version();

 private:
  NeffStore(NeffCache cache, CompilerOptions options)
      : cache_(std::move(cache)), options_(std::move(options)) {}
  Result<NeuronxCc*> compiler();
  CacheEntry entry_of(const xla::hlo::Module& module, xla::ProgramKind kind) const;

  const NeffCache cache_;
  const CompilerOptions options_;
  std::mutex mutex_;
  std::optional<Result<std::unique_ptr<NeuronxCc>>> compiler_;  // once it was looked for
};

}  // namespace ix::backend::neuron
