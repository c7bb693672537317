// What Neuron's compiler and runtime ask of a program's parameters and outputs.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "backend/xla/hlo/verifier_rules.h"
#include "base/checked_math.h"

namespace ix::backend::xla::hlo {
namespace {

using Entry = ModuleIndex::Entry;

void check_passed_through(const ModuleIndex& index, Findings& findings) {
  const Instruction* root = ModuleIndex::root(index.entry());
  for (const Entry& entry : index.instructions()) {
    if (entry.instruction != root) continue;
    const bool bare = root->opcode() == "parameter";
    const bool inside = root->opcode() == "tuple" &&
                        std::ranges::any_of(entry.operands, [](const Instruction* operand) {
                          return operand->opcode() == "parameter";
                        });
    if (bare || inside) {
      findings.error("passed-through", "", entry.place(), "a parameter is an output as it is",
                     "put a copy between them");
    }
  }
}

void check_names(const ModuleIndex& index, Findings& findings) {
  const auto value = [](const Instruction& instruction, const char* key) {
    const auto& map = instruction.frontend_attributes().map();
    const auto found = map.find(key);
    return found == map.end() ? std::string() : found->second;
  };
  const Instruction* root = ModuleIndex::root(index.entry());
  for (const Instruction& instruction : index.entry().instructions()) {
    if (instruction.opcode() == "parameter" && value(instruction, "neff_input_names").empty()) {
      findings.warning("neff-names", "", {&index.entry(), &instruction}, "has no neff_input_names",
                       "name it: the runtime finds inputs by name");
    }
  }
  const std::string names = value(*root, "neff_output_names");
  const int64_t outputs =
      root->shape().element_type() == ix::hlo::TUPLE ? root->shape().tuple_shapes_size() : 1;
  if (names.empty() || std::ranges::count(names, ',') + 1 != outputs) {
    findings.warning("neff-names", "", {&index.entry(), root},
                     fmt::format("its neff_output_names are not {} names", outputs),
                     "name every output: the runtime finds them by name");
  }
}

std::optional<int64_t> bytes_of(const ix::hlo::ShapeProto& proto) {
  const Result<ValueShape> shape = from_proto(proto);
  if (!shape.ok()) return std::nullopt;
  std::optional<int64_t> bytes = 0;
  for (const Shape& part : shape->parts) {
    if (bytes) bytes = checked_add(*bytes, byte_size(part));
  }
  return bytes;
}

// Parameters and outputs, aliased ones once. What the program needs between them comes on top.
void check_memory(const ModuleIndex& index, const VerifyOptions& options, Findings& findings) {
  const auto& signature = index.module().host_program_shape();
  std::optional<int64_t> total = 0;
  const auto add = [&total](std::optional<int64_t> bytes) {
    total = total && bytes ? checked_add(*total, *bytes) : std::nullopt;
  };
  for (const auto& parameter : signature.parameters()) {
    if (!from_proto(parameter).ok()) return;  // reported as a type
    add(bytes_of(parameter));
  }
  std::set<int64_t> aliased;
  for (const auto& alias : index.module().input_output_alias().entries()) {
    aliased.insert(alias.output_shape_index_size() == 1 ? alias.output_shape_index(0) : 0);
  }
  const auto& result = signature.result();
  if (!from_proto(result).ok()) return;
  if (result.element_type() != ix::hlo::TUPLE) {
    if (aliased.empty()) add(bytes_of(result));
  }
  for (int i = 0; i < result.tuple_shapes_size(); ++i) {
    if (!aliased.contains(i)) add(bytes_of(result.tuple_shapes(i)));
  }
  if (total && *total <= options.device_bytes) return;
  findings.error(
      "device-memory", "EOOM001", {},
      fmt::format("parameters and outputs take {} of {} bytes a core",
                  total ? fmt::format("{}", *total) : "more than 2^63", options.device_bytes),
      "use more cores, fewer slots, a shorter context or smaller weights");
}

}  // namespace

void check_border(const ModuleIndex& index, const VerifyOptions& options, Findings& findings) {
  check_passed_through(index, findings);
  check_names(index, findings);
  check_memory(index, options, findings);
}

}  // namespace ix::backend::xla::hlo
