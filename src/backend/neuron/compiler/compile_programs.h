// Several programs at once, before anything waits for them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "backend/neuron/compiler/neff_store.h"

namespace ix::backend::neuron {

struct ProgramToCompile {
  const xla::hlo::Module* module;
  xla::ProgramKind kind;
};

struct CompiledProgram {
  std::string name;
  Status status;
  CacheEntry entry;        // where it is ok
  bool was_built = false;  // by this call
};

// Those that the store would have to compile.
std::vector<ProgramToCompile> missing_programs(NeffStore& store,
                                               std::span<const ProgramToCompile> programs);

// Each program from the cache or the compiler, in the order given; as many at once as the store's
// compiler allows. One that fails does not stop the others: what they took hours for is kept.
std::vector<CompiledProgram> compile_programs(NeffStore& store,
                                              std::span<const ProgramToCompile> programs);

// ok, or the first failure and how many more there are.
Status summarise(std::span<const CompiledProgram> compiled);

}  // namespace ix::backend::neuron
