#include "neuron/compile_line.h"

#include <fmt/format.h>

namespace ix::cli {

using backend::neuron::CompileProgress;

void CompileLine::update(const CompileProgress& progress) {
  const std::lock_guard lock(mutex_);
  switch (progress.stage) {
    case CompileProgress::Stage::waiting:
      return;
    case CompileProgress::Stage::compiling:
      compiling_[progress.program] = progress.elapsed;
      break;
    case CompileProgress::Stage::done:
      compiling_.erase(progress.program);
      break;
  }
  std::string running;
  for (const auto& [program, elapsed] : compiling_) {
    running += fmt::format("{}{} {}:{:02d}", running.empty() ? "" : ", ", program,
                           elapsed.count() / 60, elapsed.count() % 60);
  }
  line_.show(fmt::format("compiling {} of {}: {}", compiling_.size(), programs_, running));
}

backend::neuron::CompilerOptions interruptible(CompileLine& line, const InterruptGuard& guard) {
  backend::neuron::CompilerOptions options;
  options.cancelled = [&guard] { return guard.pending(); };
  options.progress = [&line](const CompileProgress& progress) { line.update(progress); };
  return options;
}

}  // namespace ix::cli
