// What `ix compile` is going to make of a model: programs, findings of the verifier, memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backend/neuron/compiler/compile_programs.h"
#include "backend/neuron/compiler/deployment.h"
#include "backend/xla/hlo/instruction_estimate.h"
#include "backend/xla/hlo/verifier.h"
#include "backend/xla/memory_plan.h"
#include "backend/xla/model_plan.h"
#include "backend/xla/program_set.h"
#include "base/result.h"
#include "gguf/gguf_file.h"
#include "planner/instances.h"

namespace ix::cli {

// Choices of a person; 0 is a choice left to us.
struct CompileChoices {
  std::string instance = "inf2.xlarge";
  int ranks = 0;
  int32_t slots = 4;
  int64_t context = 0;
  std::string weights = "bf16";
  bool embed_on_host = false;
  int32_t chunk = 128;
  int32_t layers_per_program = 0;
  int32_t draft_rows = 0;
  bool full = false;
  std::vector<std::string> allow;  // as VerifyOptions::allow
};

struct PlannedProgram {
  backend::xla::CompilableProgram program;
  backend::xla::hlo::InstructionEstimate instructions;
  std::vector<backend::xla::hlo::Finding> findings;
};

// Findings that say the same of several instructions.
struct FindingGroup {
  backend::xla::hlo::Finding first;
  std::string program;  // that has the first
  int64_t count = 0;
};

struct CompilePlan {
  planner::Instance instance;
  backend::neuron::Deployment deployment;  // without compiler, time and keys
  backend::xla::MemoryPlan memory;         // of one core
  std::string padding;                     // lines of to_text(ShardPlan)
  std::vector<PlannedProgram> programs;

  std::vector<backend::neuron::ProgramToCompile> to_compile() const;
  // Of all programs, errors first.
  std::vector<FindingGroup> findings() const;
  // The first finding that is an error, as a message for people; ok where there is none.
  Status check() const;
  // resource_exhausted, with figures, where a core has less memory than is needed.
  Status check_memory() const;
};

// Lowers and verifies every program. Errors name the flag or the tensor.
Result<CompilePlan> plan_compilation(const gguf::GgufFile& file, const CompileChoices& choices);

std::string to_text(const CompilePlan& plan);
// One JSON object, with the findings.
std::string to_json(const CompilePlan& plan);
// "error EVRF022 ...: decode: main/shift.4: ... (3 times)"
std::string to_text(const FindingGroup& group);

}  // namespace ix::cli
