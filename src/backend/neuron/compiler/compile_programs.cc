#include "backend/neuron/compiler/compile_programs.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <thread>

namespace ix::backend::neuron {
namespace {

CompiledProgram compile_one(NeffStore& store, const ProgramToCompile& program) {
  CompiledProgram out{.name = program.module->name, .status = {}, .entry = {}};
  Result<CachedNeff> neff = store.get(*program.module, program.kind);
  if (!neff.ok()) {
    out.status = neff.status();
    return out;
  }
  out.entry = std::move(neff->entry);
  out.was_built = neff->was_built;
  return out;
}

}  // namespace

std::vector<ProgramToCompile> missing_programs(NeffStore& store,
                                               std::span<const ProgramToCompile> programs) {
  std::vector<ProgramToCompile> missing;
  std::ranges::copy_if(programs, std::back_inserter(missing), [&](const ProgramToCompile& program) {
    return !store.find(*program.module, program.kind).ok();
  });
  return missing;
}

std::vector<CompiledProgram> compile_programs(NeffStore& store,
                                              std::span<const ProgramToCompile> programs) {
  std::vector<CompiledProgram> compiled(programs.size());
  std::vector<std::thread> threads;
  threads.reserve(programs.size());
  // A thread a program, of which there are few: the compiler's driver lets through what the host's
  // memory allows.
  for (size_t i = 0; i < programs.size(); ++i) {
    threads.emplace_back([&, i] {
      try {
        compiled[i] = compile_one(store, programs[i]);
      } catch (const std::exception& e) {
        compiled[i].status = internal_error(e.what());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return compiled;
}

Status summarise(std::span<const CompiledProgram> compiled) {
  const auto failed = [](const CompiledProgram& program) { return !program.status.ok(); };
  const auto first = std::ranges::find_if(compiled, failed);
  if (first == compiled.end()) return ok_status();
  const auto count = std::ranges::count_if(compiled, failed);
  if (count == 1) return first->status;
  return {first->status.code(), fmt::format("{} (and {} more of {} programs failed)",
                                            first->status.message(), count - 1, compiled.size())};
}

}  // namespace ix::backend::neuron
