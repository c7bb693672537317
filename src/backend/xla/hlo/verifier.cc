#include "backend/xla/hlo/verifier.h"

#include <fmt/format.h>

#include <algorithm>

#include "backend/xla/hlo/parse_module.h"
#include "backend/xla/hlo/verifier_rules.h"

namespace ix::backend::xla::hlo {

void Findings::add(Severity severity, std::string rule, std::string code, Place place,
                   std::string reason, std::string remedy) {
  all_.push_back({severity, std::move(rule), std::move(code),
                  place.computation != nullptr ? place.computation->name() : "",
                  place.instruction != nullptr ? place.instruction->name() : "", std::move(reason),
                  std::move(remedy)});
}

ModuleIndex::ModuleIndex(const ix::hlo::HloModuleProto& module) : module_(&module) {
  std::map<int64_t, const Computation*> computations;
  for (const Computation& computation : module.computations()) {
    computations[computation.id()] = &computation;
    if (computation.id() == module.entry_computation_id()) entry_ = &computation;
    std::map<int64_t, size_t> positions;
    for (const Instruction& instruction : computation.instructions()) {
      Entry entry{&computation, &instruction, {}, {}, {}, std::vector<ValueShape>()};
      for (const int64_t id : instruction.operand_ids()) {
        const Entry& operand = instructions_[positions.at(id)];
        entry.operands.push_back(operand.instruction);
        if (!operand.shape) entry.inputs.reset();
        if (entry.inputs) entry.inputs->push_back(*operand.shape);
      }
      for (const int64_t id : instruction.called_computation_ids()) {
        entry.called.push_back(computations.at(id));
      }
      if (Result<ValueShape> shape = from_proto(instruction.shape()); shape.ok()) {
        entry.shape = *std::move(shape);
      }
      positions[instruction.id()] = instructions_.size();
      position_[&instruction] = instructions_.size();
      instructions_.push_back(std::move(entry));
    }
  }
}

const Instruction* ModuleIndex::behind_moves(const Instruction* instruction) const {
  while (instruction->opcode() == "reshape" || instruction->opcode() == "convert" ||
         instruction->opcode() == "copy") {
    const Entry& entry = instructions_[position_.at(instruction)];
    if (entry.operands.empty()) break;
    instruction = entry.operands.front();
  }
  return instruction;
}

const Instruction* ModuleIndex::root(const Computation& computation) {
  for (const Instruction& instruction : computation.instructions()) {
    if (instruction.id() == computation.root_id()) return &instruction;
  }
  return nullptr;
}

std::vector<Finding> verify(const ix::hlo::HloModuleProto& module, const VerifyOptions& options) {
  Findings findings;
  check_structure(module, findings);
  if (!passes(findings.all())) return findings.take();
  const ModuleIndex index(module);
  check_shapes(index, options, findings);
  if (options.neuron) {
    check_signatures(index, options, findings);
    check_operations(index, findings);
    check_border(index, options, findings);
  }
  return findings.take();
}

Result<std::vector<Finding>> verify(std::string_view bytes, const VerifyOptions& options) {
  IX_ASSIGN_OR_RETURN(const ix::hlo::HloModuleProto module, parse_module(bytes));
  return verify(module, options);
}

bool passes(const std::vector<Finding>& findings) {
  return std::ranges::none_of(
      findings, [](const Finding& finding) { return finding.severity == Severity::error; });
}

std::string to_text(const Finding& finding) {
  std::string place = finding.computation;
  if (!finding.instruction.empty()) place += "/" + finding.instruction;
  return fmt::format("{} {}{}{}: {}{}{}; {}",
                     finding.severity == Severity::error ? "error" : "warning", finding.code,
                     finding.code.empty() ? "" : " ", finding.rule, place,
                     place.empty() ? "" : ": ", finding.reason, finding.remedy);
}

}  // namespace ix::backend::xla::hlo
