// The readings behind verify(). Private to verifier*.cc.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "backend/xla/hlo/hlo.pb.h"
#include "backend/xla/hlo/value_shape.h"
#include "backend/xla/hlo/verifier.h"

namespace ix::backend::xla::hlo {

using Instruction = ix::hlo::HloInstructionProto;
using Computation = ix::hlo::HloComputationProto;

// Where a finding is.
struct Place {
  const Computation* computation = nullptr;
  const Instruction* instruction = nullptr;
};

class Findings {
 public:
  void error(std::string rule, std::string code, Place place, std::string reason,
             std::string remedy) {
    add(Severity::error, std::move(rule), std::move(code), place, std::move(reason),
        std::move(remedy));
  }
  void warning(std::string rule, std::string code, Place place, std::string reason,
               std::string remedy) {
    add(Severity::warning, std::move(rule), std::move(code), place, std::move(reason),
        std::move(remedy));
  }

  const std::vector<Finding>& all() const { return all_; }
  std::vector<Finding> take() { return std::move(all_); }

 private:
  void add(Severity severity, std::string rule, std::string code, Place place, std::string reason,
           std::string remedy);

  std::vector<Finding> all_;
};

// A module whose structure is right, with what refers to what.
class ModuleIndex {
 public:
  struct Entry {
    const Computation* computation;
    const Instruction* instruction;
    std::vector<const Instruction*> operands;
    std::vector<const Computation*> called;
    std::optional<ValueShape> shape;                // nothing where Shape cannot say it
    std::optional<std::vector<ValueShape>> inputs;  // the operands' shapes, if all can be said

    Place place() const { return {computation, instruction}; }
  };

  explicit ModuleIndex(const ix::hlo::HloModuleProto& module);

  const ix::hlo::HloModuleProto& module() const { return *module_; }
  const Computation& entry() const { return *entry_; }
  // Of all computations, in the module's order.
  const std::vector<Entry>& instructions() const { return instructions_; }

  // The value before reshapes, conversions and copies.
  const Instruction* behind_moves(const Instruction* instruction) const;

  static const Instruction* root(const Computation& computation);

 private:
  const ix::hlo::HloModuleProto* module_;
  const Computation* entry_ = nullptr;
  std::vector<Entry> instructions_;
  std::map<const Instruction*, size_t> position_;  // in instructions_
};

void check_structure(const ix::hlo::HloModuleProto& module, Findings& findings);
void check_shapes(const ModuleIndex& index, const VerifyOptions& options, Findings& findings);
void check_signatures(const ModuleIndex& index, const VerifyOptions& options, Findings& findings);
// Neuron alone.
void check_operations(const ModuleIndex& index, Findings& findings);
void check_border(const ModuleIndex& index, const VerifyOptions& options, Findings& findings);

}  // namespace ix::backend::xla::hlo
