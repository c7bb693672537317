// What XLA's readers ask of a module before they look at any shape. Each rule was found by breaking
// it on three plugins.
#include <fmt/format.h>
#include <google/protobuf/message_lite.h>

#include <limits>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "backend/xla/hlo/verifier_rules.h"

namespace ix::backend::xla::hlo {
namespace {

// Readers index vectors by id: some 40 bytes for each that is not there.
constexpr int64_t kSparseIds = 1'000'000;

// The fields that are not in our subset, as they came. Protobuf's lite runtime keeps them and has
// no accessor for them, but lets a message's own class name them.
struct UnknownFields : google::protobuf::MessageLite {
  static const std::string& of(const google::protobuf::MessageLite& message) {
    return (message.*&UnknownFields::_internal_metadata_)
        .unknown_fields<std::string>(google::protobuf::internal::GetEmptyString);
  }
};

// Of fields as they came: each begins with a varint, the number in front of three bits of wire
// type.
uint64_t first_field(const std::string& fields) {
  uint64_t tag = 0;
  for (unsigned shift = 0; const char byte : fields) {
    tag |= static_cast<uint64_t>(byte & 0x7f) << shift;
    shift += 7;
    if ((byte & 0x80) == 0 || shift > 56) break;
  }
  return tag >> 3;
}

bool is_id(int64_t id) { return id >= 0 && id <= std::numeric_limits<int32_t>::max(); }

class StructureCheck {
 public:
  StructureCheck(const ix::hlo::HloModuleProto& module, Findings& findings)
      : module_(module), findings_(findings) {}

  void run() {
    if (module_.name().empty()) {
      error("names", {}, "the module has no name", "name it");
    }
    for (const Computation& computation : module_.computations()) check(computation);
    if (highest_id_ > instructions_ + kSparseIds) {
      error("ids", {},
            fmt::format("the highest id is {} of {} instructions", highest_id_, instructions_),
            "number instructions densely: readers allocate for every id below the highest");
    }
    const Computation* entry = nullptr;
    for (const Computation& computation : module_.computations()) {
      if (computation.id() == module_.entry_computation_id()) entry = &computation;
    }
    if (entry == nullptr) {
      error("entry", {},
            fmt::format("no computation has the entry's id {}", module_.entry_computation_id()),
            "set entry_computation_id");
      return;
    }
    check_signature(*entry);
  }

 private:
  void error(const char* rule, Place place, std::string reason, std::string remedy) {
    findings_.error(rule, "", place, std::move(reason), std::move(remedy));
  }

  void check(const Computation& computation) {
    const Place place{&computation};
    if (computation.name().empty() || !computation_names_.insert(computation.name()).second) {
      error("names", place, "its name is empty or another computation's",
            "give every computation a name of its own");
    }
    if (!is_id(computation.id()) || computation_ids_.contains(computation.id())) {
      error("ids", place,
            fmt::format("its id {} is negative, above 2^31 - 1 or another "
                        "computation's",
                        computation.id()),
            "number computations from 1");
    }
    std::unordered_set<int64_t> before;
    std::set<int64_t> parameters;
    bool root = false;
    for (const Instruction& instruction : computation.instructions()) {
      check(computation, instruction, before, parameters);
      before.insert(instruction.id());
      root = root || instruction.id() == computation.root_id();
    }
    if (!root) {
      error("root", place,
            fmt::format("no instruction has the root's id {}", computation.root_id()),
            "set root_id to the id of the result");
    }
    if (!parameters.empty() &&
        *parameters.rbegin() + 1 != static_cast<int64_t>(parameters.size())) {
      error("parameters", place, "parameter numbers leave one out",
            "number parameters from 0, also those that are not used");
    }
    computation_ids_.insert(computation.id());
  }

  void check(const Computation& computation, const Instruction& instruction,
             const std::unordered_set<int64_t>& before, std::set<int64_t>& parameters) {
    const Place place{&computation, &instruction};
    ++instructions_;
    if (!is_id(instruction.id())) {
      error("ids", place, fmt::format("its id {} is negative or above 2^31 - 1", instruction.id()),
            "number instructions from 1: XLA aborts the process on such ids");
    } else {
      highest_id_ = std::max(highest_id_, instruction.id());
    }
    if (!instruction_ids_.insert(instruction.id()).second) {
      error("ids", place, fmt::format("its id {} is another's", instruction.id()),
            "give every instruction of the module an id of its own");
    }
    if (instruction.name().empty() || !instruction_names_.insert(instruction.name()).second) {
      error("names", place, "its name is empty or another instruction's",
            "give every instruction of the module a name of its own");
    }
    for (const int64_t operand : instruction.operand_ids()) {
      if (before.contains(operand)) continue;
      error("operand-order", place,
            fmt::format("no instruction before it in its computation has the operand's id {}",
                        operand),
            "write operands before what uses them");
    }
    for (const int64_t called : instruction.called_computation_ids()) {
      if (computation_ids_.contains(called)) continue;
      error("callee-order", place,
            fmt::format("no computation before its own has the id {}", called),
            "write computations before those that call them");
    }
    if (instruction.opcode() == "parameter" &&
        (instruction.parameter_number() < 0 ||
         !parameters.insert(instruction.parameter_number()).second)) {
      error("parameters", place,
            fmt::format("parameter number {} is negative or comes twice",
                        instruction.parameter_number()),
            "number parameters from 0");
    }
    const std::string& unknown = UnknownFields::of(instruction);
    if (!unknown.empty()) {
      findings_.warning("unknown-field", "", place,
                        fmt::format("has field {}, which is not checked", first_field(unknown)),
                        "leave out what no reader needs");
    }
  }

  // host_program_shape is what callers go by.
  void check_signature(const Computation& entry) {
    const auto& signature = module_.host_program_shape();
    if (!module_.has_host_program_shape()) {
      error("program-shape", {}, "host_program_shape is not there",
            "write the entry's parameters and result");
      return;
    }
    std::map<int64_t, const Instruction*> parameters;
    for (const Instruction& instruction : entry.instructions()) {
      if (instruction.opcode() == "parameter") {
        parameters.emplace(instruction.parameter_number(), &instruction);
      }
    }
    if (signature.parameters_size() != static_cast<int>(parameters.size()) ||
        signature.parameter_names_size() != static_cast<int>(parameters.size())) {
      error("program-shape", {},
            fmt::format("host_program_shape has {} parameters and {} names, the entry {}",
                        signature.parameters_size(), signature.parameter_names_size(),
                        parameters.size()),
            "write one shape and one name for each");
      return;
    }
    for (const auto& [number, parameter] : parameters) {
      if (number < 0 || number >= signature.parameters_size()) return;  // reported already
      if (!same(signature.parameters(static_cast<int>(number)), parameter->shape())) {
        error("program-shape", {&entry, parameter}, "host_program_shape has another shape for it",
              "write the parameter's shape");
      }
    }
    const Instruction* root = ModuleIndex::root(entry);
    if (root != nullptr && !same(signature.result(), root->shape())) {
      error("program-shape", {&entry, root}, "host_program_shape has another result",
            "write the root's shape");
    }
  }

  // Of element type and extents; layouts are looked at elsewhere.
  static bool same(const ix::hlo::ShapeProto& a, const ix::hlo::ShapeProto& b) {
    if (a.element_type() != b.element_type() || a.dimensions_size() != b.dimensions_size() ||
        a.tuple_shapes_size() != b.tuple_shapes_size()) {
      return false;
    }
    for (int i = 0; i < a.dimensions_size(); ++i) {
      if (a.dimensions(i) != b.dimensions(i)) return false;
    }
    for (int i = 0; i < a.tuple_shapes_size(); ++i) {
      if (!same(a.tuple_shapes(i), b.tuple_shapes(i))) return false;
    }
    return true;
  }

  const ix::hlo::HloModuleProto& module_;
  Findings& findings_;
  int64_t instructions_ = 0;
  int64_t highest_id_ = 0;
  std::unordered_set<int64_t> instruction_ids_;
  std::unordered_set<std::string> instruction_names_;
  std::unordered_set<int64_t> computation_ids_;
  std::unordered_set<std::string> computation_names_;
};

}  // namespace

void check_structure(const ix::hlo::HloModuleProto& module, Findings& findings) {
  StructureCheck(module, findings).run();
}

}  // namespace ix::backend::xla::hlo
