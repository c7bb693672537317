// Says what is wrong with an HLO program before a compiler does: programs of the builder and any
// other.
//
// Four readings: structure (what XLA's readers ask of ids, names and order), shapes (what operands
// and attributes give), signatures (op_signatures.tsv: operations that Neuron's compiler is known
// to take) and Neuron's own rules. Codes are those of neuronx-cc, where it has one for the rule.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ix::hlo {
class HloModuleProto;
}  // namespace ix::hlo

namespace ix::backend::xla::hlo {

enum class Severity : uint8_t { warning, error };

struct Finding {
  Severity severity;
  std::string rule;         // "operand-order"
  std::string code;         // neuronx-cc's, "EVRF022"; empty where it has none
  std::string computation;  // names; empty where the whole module is meant
  std::string instruction;
  std::string reason;
  std::string remedy;

  bool operator==(const Finding&) const = default;
};

struct VerifyOptions {
  // How many replicas the program is compiled for.
  int32_t replicas = 1;
  // Also what is asked for Neuron alone: signatures, types, extents, memory.
  bool neuron = true;
  // Opcodes ("sine"), or signatures ("sine(bf16)->bf16"), that are let pass though they are not on
  // the list; "*" is every one.
  std::vector<std::string> allow;
  // Device memory that a core can address: half of the 32 GiB of a chip with NeuronCores-v2.
  int64_t device_bytes = int64_t{16} << 30;
};

// All findings, in the order of the readings and within each of the module. A module whose
// structure is broken is not read further.
std::vector<Finding> verify(const ix::hlo::HloModuleProto& module, const VerifyOptions& options);

// Of a serialised HloModuleProto; corrupt where the bytes are none.
Result<std::vector<Finding>> verify(std::string_view bytes, const VerifyOptions& options);

// True where no finding is an error.
bool passes(const std::vector<Finding>& findings);

// "error EVRF022 shift-right-arithmetic: main/shift.4: ... ; ..."
std::string to_text(const Finding& finding);

}  // namespace ix::backend::xla::hlo
