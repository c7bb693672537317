// Reaches into a module's message, to break it.
#pragma once

#include <string>

#include "backend/xla/hlo/hlo.pb.h"
#include "backend/xla/hlo/module.h"
#include "base/check.h"

namespace ix::testing {

inline hlo::HloModuleProto parsed(const backend::xla::hlo::Module& module) {
  hlo::HloModuleProto proto;
  IX_CHECK(proto.ParseFromString(module.bytes));
  return proto;
}

inline hlo::HloComputationProto& entry_of(hlo::HloModuleProto& module) {
  return *module.mutable_computations(module.computations_size() - 1);
}

// The `which`-th instruction of the entry with that opcode.
inline hlo::HloInstructionProto& nth(hlo::HloModuleProto& module, const std::string& opcode,
                                     int which = 0) {
  for (auto& instruction : *entry_of(module).mutable_instructions()) {
    if (instruction.opcode() == opcode && which-- == 0) return instruction;
  }
  IX_CHECK(false);
  return *entry_of(module).mutable_instructions(0);
}

inline hlo::HloInstructionProto& root_of(hlo::HloModuleProto& module) {
  return *entry_of(module).mutable_instructions(entry_of(module).instructions_size() - 1);
}

}  // namespace ix::testing
