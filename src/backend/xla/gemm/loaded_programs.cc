#include "backend/xla/gemm/loaded_programs.h"

namespace ix::backend::xla {

Result<std::shared_ptr<Program>> LoadedPrograms::gemm(const GemmShape& shape) {
  IX_ASSIGN_OR_RETURN(const hlo::Module module, gemm_program(shape, runtime_.ranks()));
  return load(module);
}

Result<std::shared_ptr<Program>> LoadedPrograms::dequantize(int64_t blocks) {
  IX_ASSIGN_OR_RETURN(const hlo::Module module, dequantize_program(blocks, runtime_.ranks()));
  return load(module);
}

Result<std::shared_ptr<Program>> LoadedPrograms::load(const hlo::Module& module) {
  std::shared_ptr<Entry> entry;
  {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Entry>& found = entries_[module.name];
    if (found == nullptr) found = std::make_shared<Entry>();
    entry = found;
  }
  const std::lock_guard lock(entry->mutex);
  if (entry->program == nullptr) {
    // They run again and again, so the longer compilation pays.
    IX_ASSIGN_OR_RETURN(entry->program, runtime_.load(module, ProgramKind::decode));
    ++count_;
  }
  return entry->program;
}

void LoadedPrograms::clear() {
  std::map<std::string, std::shared_ptr<Entry>> entries;
  const std::lock_guard lock(mutex_);
  entries.swap(entries_);
}

}  // namespace ix::backend::xla
