#include "backend/neuron/compiler/neff_store.h"

#include <fmt/format.h>

namespace ix::backend::neuron {

Result<std::unique_ptr<NeffStore>> NeffStore::open(const std::string& cache_root,
                                                   CompilerOptions options) {
  IX_ASSIGN_OR_RETURN(NeffCache cache, NeffCache::open(cache_root));
  return std::unique_ptr<NeffStore>(new NeffStore(std::move(cache), std::move(options)));
}

Result<NeuronxCc*> NeffStore::compiler() {
  const std::lock_guard lock(mutex_);
  if (!compiler_.has_value()) compiler_.emplace(NeuronxCc::find(options_));
  if (!compiler_->ok()) return compiler_->status();
  return compiler_->value().get();
}

Result<std::string> NeffStore::compiler_version() {
  IX_ASSIGN_OR_RETURN(const NeuronxCc* found, compiler());
  return found->version();
}

CacheEntry NeffStore::entry_of(const xla::hlo::Module& module, xla::ProgramKind kind) const {
  CacheEntry entry;
  entry.module_name = module.name;
  entry.target = options_.target;
  entry.flags = compile_flags(options_, kind);
  entry.world = module.replicas;
  entry.program_key = program_key(module.bytes, entry.flags, entry.target, entry.world);
  return entry;
}

Result<CachedNeff> NeffStore::find(const xla::hlo::Module& module, xla::ProgramKind kind) {
  const Result<NeuronxCc*> found = compiler();
  if (!found.ok() && found.status().code() != StatusCode::not_found) return found.status();
  return cache_.find(entry_of(module, kind).program_key, found.ok() ? (*found)->version() : "");
}

Result<CachedNeff> NeffStore::get(const xla::hlo::Module& module, xla::ProgramKind kind) {
  CacheEntry entry = entry_of(module, kind);
  const Result<NeuronxCc*> found = compiler();
  if (!found.ok() && found.status().code() == StatusCode::not_found) {
    Result<CachedNeff> cached = cache_.find(entry.program_key, "");
    if (cached.ok() || cached.status().code() != StatusCode::not_found) return cached;
    return not_found(fmt::format("{} is not compiled yet ({}), and {}", module.name,
                                 cached.status().message(), found.status().message()));
  }
  if (!found.ok()) return found.status();
  NeuronxCc& compiler = **found;
  entry.compiler = compiler.version();

  const auto waiting = [&] {
    if (options_.progress) {
      options_.progress({module.name, CompileProgress::Stage::waiting, std::chrono::seconds(0)});
    }
  };
  return cache_.find_or_build(std::move(entry), {options_.cancelled, waiting},
                              [&](const std::string& directory) {
                                return compiler.compile(module.name, module.bytes, kind, directory);
                              });
}

}  // namespace ix::backend::neuron
