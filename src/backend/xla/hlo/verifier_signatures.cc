// Every operation against the list of those that Neuron's compiler is known to take.
#include <fmt/format.h>

#include <algorithm>

#include "backend/xla/hlo/op_signatures.h"
#include "backend/xla/hlo/text.h"
#include "backend/xla/hlo/verifier_rules.h"

namespace ix::backend::xla::hlo {
namespace {

std::string type_text(const Instruction& instruction) {
  if (instruction.shape().element_type() == ix::hlo::TUPLE) return "tuple";
  const std::string text = to_text(instruction.shape(), false);
  return text.substr(0, text.find('['));
}

OpSignature signature_of(const ModuleIndex::Entry& entry) {
  OpSignature signature{entry.instruction->opcode(),
                        {},
                        type_text(*entry.instruction),
                        entry.instruction->comparison_direction(),
                        ""};
  for (const Instruction* operand : entry.operands) {
    signature.operands.push_back(type_text(*operand));
  }
  if (entry.called.size() == 1) {
    const Instruction* root = ModuleIndex::root(*entry.called.front());
    signature.calls = root->opcode();
  }
  return signature;
}

}  // namespace

void check_signatures(const ModuleIndex& index, const VerifyOptions& options, Findings& findings) {
  for (const ModuleIndex::Entry& entry : index.instructions()) {
    const OpSignature signature = signature_of(entry);
    const std::string text = to_text(signature);
    const auto allowed = [&](const std::string& name) {
      return name == "*" || name == signature.opcode || name == text;
    };
    if (std::ranges::any_of(options.allow, allowed)) continue;
    const std::optional<KnownSignature> known = OpSignatures::neuron().find(signature);
    std::string of = text;
    if (!signature.direction.empty()) of += " " + signature.direction;
    if (!signature.calls.empty()) of += " with " + signature.calls;
    if (!known) {
      findings.error("signature", "", entry.place(),
                     of + " is not among the operations that Neuron is known to take",
                     fmt::format("write it with others, or allow {} where you know better", text));
    } else if (known->assumed) {
      findings.warning(
          "signature", "", entry.place(),
          fmt::format("{} has not been seen in a program for Neuron, only expected: {}", of,
                      known->source),
          "try it on a device");
    }
  }
}

}  // namespace ix::backend::xla::hlo
