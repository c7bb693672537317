#include "backend/xla/hlo/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <vector>

#include "backend/xla/hlo/attribute_text.h"
#include "backend/xla/hlo/hlo.pb.h"
#include "backend/xla/hlo/parse_module.h"

namespace ix::backend::xla::hlo {
namespace {

using Texts = std::vector<std::string>;

// XLA numbers every fifth element of what may be long.
std::string joined(const Texts& parts) {
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) text += ", ";
    if (i > 0 && i % 5 == 0) text += fmt::format("/*index={}*/", i);
    text += parts[i];
  }
  return text;
}

std::string type_name(ix::hlo::PrimitiveType type) {
  if (type == ix::hlo::OPAQUE_TYPE) return "opaque";
  std::string name = ix::hlo::PrimitiveType_Name(type);
  if (name.empty()) return fmt::format("type{}", static_cast<int>(type));
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name;
}

std::string signature(const ix::hlo::ProgramShapeProto& shape) {
  Texts parameters;
  for (const auto& parameter : shape.parameters()) parameters.push_back(to_text(parameter, true));
  return fmt::format("({})->{}", joined(parameters), to_text(shape.result(), true));
}

std::string aliases(const ix::hlo::HloInputOutputAliasProto& proto) {
  Texts entries;
  for (const auto& entry : proto.entries()) {
    const bool must = entry.kind() == ix::hlo::HloInputOutputAliasProto::MUST_ALIAS;
    entries.push_back(
        fmt::format("{{{}}}: ({}, {{{}}}, {}-alias)", fmt::join(entry.output_shape_index(), ","),
                    entry.parameter_number(), fmt::join(entry.parameter_shape_index(), ","),
                    must ? "must" : "may"));
  }
  return fmt::format("{{ {} }}", fmt::join(entries, ", "));
}

class Printer {
 public:
  explicit Printer(const ix::hlo::HloModuleProto& module) : module_(module) {
    for (const auto& computation : module.computations()) {
      computations_.emplace(computation.id(), computation.name());
    }
  }

  std::string text() {
    std::string text = "HloModule " + module_.name();
    if (module_.input_output_alias().entries_size() > 0) {
      text += ", input_output_alias=" + aliases(module_.input_output_alias());
    }
    if (module_.has_host_program_shape()) {
      text +=
          fmt::format(", entry_computation_layout={{{}}}", signature(module_.host_program_shape()));
    }
    if (!module_.frontend_attributes().map().empty()) {
      text += ", frontend_attributes=" + to_text(module_.frontend_attributes());
    }
    text += "\n\n";
    for (const auto& computation : module_.computations()) append(computation, text);
    return text;
  }

 private:
  void append(const ix::hlo::HloComputationProto& computation, std::string& text) {
    names_.clear();
    std::map<int64_t, const ix::hlo::HloInstructionProto*> parameters;
    const ix::hlo::HloInstructionProto* root = nullptr;
    for (const auto& instruction : computation.instructions()) {
      names_.emplace(instruction.id(), instruction.name());
      if (instruction.opcode() == "parameter") {
        parameters.emplace(instruction.parameter_number(), &instruction);
      }
      if (instruction.id() == computation.root_id()) root = &instruction;
    }
    Texts signature;
    for (const auto& [number, parameter] : parameters) {
      signature.push_back(parameter->name() + ": " + to_text(parameter->shape(), false));
    }
    const bool entry = computation.id() == module_.entry_computation_id();
    text += fmt::format("{}%{} ({}) -> {} {{\n", entry ? "ENTRY " : "", computation.name(),
                        joined(signature), root ? to_text(root->shape(), false) : "?");
    for (const auto& instruction : computation.instructions()) {
      text += &instruction == root ? "  ROOT " : "  ";
      append(instruction, text);
    }
    text += "}\n\n";
  }

  void append(const ix::hlo::HloInstructionProto& instruction, std::string& text) const {
    text += fmt::format("%{} = {} {}(", instruction.name(), to_text(instruction.shape(), true),
                        instruction.opcode());
    if (instruction.opcode() == "parameter") {
      text += fmt::format("{}", instruction.parameter_number());
    } else if (instruction.opcode() == "constant") {
      text += to_text(instruction.literal());
    }
    Texts operands;
    for (const int64_t id : instruction.operand_ids()) operands.push_back(named(names_, id));
    text += joined(operands) + ")";
    const auto computation_name = [this](int64_t id) { return named(computations_, id); };
    for (const std::string& attribute : attribute_texts(instruction, computation_name)) {
      text += ", " + attribute;
    }
    text += "\n";
  }

  static std::string named(const std::map<int64_t, std::string>& names, int64_t id) {
    const auto found = names.find(id);
    return found == names.end() ? fmt::format("%?{}", id) : "%" + found->second;
  }

  const ix::hlo::HloModuleProto& module_;
  std::map<int64_t, std::string> computations_;  // names by id
  std::map<int64_t, std::string> names_;         // of the instructions of one computation
};

}  // namespace

std::string to_text(const ix::hlo::ShapeProto& shape, bool layout) {
  if (shape.element_type() == ix::hlo::TUPLE) {
    Texts parts;
    for (const auto& part : shape.tuple_shapes()) parts.push_back(to_text(part, layout));
    return fmt::format("({})", joined(parts));
  }
  Texts dims;
  for (int i = 0; i < shape.dimensions_size(); ++i) {
    const bool dynamic = i < shape.is_dynamic_dimension_size() && shape.is_dynamic_dimension(i);
    dims.push_back(fmt::format("{}{}", dynamic ? "<=" : "", shape.dimensions(i)));
  }
  std::string text = fmt::format("{}[{}]", type_name(shape.element_type()), fmt::join(dims, ","));
  if (layout && shape.layout().minor_to_major_size() > 0) {
    text += fmt::format("{{{}}}", fmt::join(shape.layout().minor_to_major(), ","));
  }
  return text;
}

std::string to_text(const ix::hlo::HloModuleProto& module) { return Printer(module).text(); }

Result<std::string> module_text(std::string_view bytes) {
  IX_ASSIGN_OR_RETURN(const ix::hlo::HloModuleProto module, parse_module(bytes));
  return to_text(module);
}

}  // namespace ix::backend::xla::hlo
