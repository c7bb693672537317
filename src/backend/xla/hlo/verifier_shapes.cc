// Shapes, literals, called computations, replica groups and aliases.
#include <fmt/format.h>

#include <set>
#include <string_view>

#include "backend/xla/hlo/replica_groups.h"
#include "backend/xla/hlo/shape_inference.h"
#include "backend/xla/hlo/verifier_rules.h"

namespace ix::backend::xla::hlo {
namespace {

using Entry = ModuleIndex::Entry;

bool row_major(const ix::hlo::ShapeProto& shape) {
  for (const auto& part : shape.tuple_shapes()) {
    if (!row_major(part)) return false;
  }
  const auto& order = shape.layout().minor_to_major();
  if (order.empty()) return true;
  if (order.size() != shape.dimensions_size()) return false;
  for (int i = 0; i < order.size(); ++i) {
    if (order[i] != order.size() - 1 - i) return false;
  }
  return true;
}

int64_t elements_written(const ix::hlo::LiteralProto& literal, ElementType type) {
  const auto of_bytes = [type](const std::string& bytes) {
    return static_cast<int64_t>(bytes.size()) / element_bytes(type);
  };
  switch (type) {
    case ElementType::pred:
      return literal.preds_size();
    case ElementType::s8:
      return of_bytes(literal.s8s());
    case ElementType::u8:
      return of_bytes(literal.u8s());
    case ElementType::s16:
      return of_bytes(literal.s16s());
    case ElementType::u16:
      return of_bytes(literal.u16s());
    case ElementType::f16:
      return of_bytes(literal.f16s());
    case ElementType::bf16:
      return of_bytes(literal.bf16s());
    case ElementType::s32:
      return literal.s32s_size();
    case ElementType::u32:
      return literal.u32s_size();
    case ElementType::s64:
      return literal.s64s_size();
    case ElementType::u64:
      return literal.u64s_size();
    case ElementType::f32:
      return literal.f32s_size();
    case ElementType::f64:
      return literal.f64s_size();
  }
  return -1;
}

void check_literal(const Entry& entry, Findings& findings) {
  const auto& literal = entry.instruction->literal();
  if (!literal.shape().has_layout()) {
    findings.error("literal", "", entry.place(), "its literal's shape has no layout",
                   "write a layout, empty for a scalar");
  }
  const Result<ValueShape> shape = from_proto(literal.shape());
  if (!shape.ok() || !entry.shape || *shape != *entry.shape) {
    findings.error("literal", "", entry.place(), "its literal has another shape",
                   "write the shape of the constant in both places");
    return;
  }
  const Shape& array = shape->parts.front();
  if (const int64_t written = elements_written(literal, array.type);
      written != element_count(array)) {
    findings.error("literal", "", entry.place(),
                   fmt::format("its literal has {} elements for {}", written, to_text(array)),
                   "write every element");
  }
}

void check_shape(const Entry& entry, Findings& findings) {
  const auto shape = from_proto(entry.instruction->shape());
  if (!shape.ok()) {
    // Types and dynamic dimensions are matters of the target; the rest is wrong everywhere.
    if (shape.status().code() == StatusCode::invalid_argument) {
      findings.error("shape", "EVRF064", entry.place(), shape.status().message(),
                     "write a possible shape");
    }
    return;
  }
  if (!row_major(entry.instruction->shape())) {
    findings.error(
        "layout", "", entry.place(), "its layout is not row-major",
        "write minor_to_major as rank - 1 to 0: other layouts are ignored at a program's "
        "border, and values come out wrong");
  }
  if (!entry.inputs) return;
  const Result<ValueShape> inferred = infer_shape(*entry.instruction, *entry.inputs);
  if (!inferred.ok()) {
    if (inferred.status().code() == StatusCode::unsupported)
      return;  // the list of signatures' part
    findings.error("shape", "EVRF064", entry.place(), inferred.status().message(),
                   "make operands and attributes fit the opcode");
  } else if (*inferred != *shape) {
    findings.error(
        "shape", "EVRF064", entry.place(),
        fmt::format("is written as {} and gives {}", to_text(*shape), to_text(*inferred)),
        "write the shape that operands and attributes give");
  }
}

// What the computation of a reduction, a sort or a scatter takes and gives: nothing for opcodes
// whose computations are not looked into.
struct Callee {
  std::vector<Shape> parameters;
  Shape result;
};

std::optional<Callee> expected_callee(const Entry& entry) {
  const std::string_view opcode = entry.instruction->opcode();
  if (!entry.inputs || entry.inputs->empty()) return std::nullopt;
  const auto scalar = [&entry](size_t i) {
    return Shape{(*entry.inputs)[i].parts.front().type, {}};
  };
  if (opcode == "all-reduce" || opcode == "scatter" ||
      (opcode == "reduce" && entry.inputs->size() == 2)) {
    return Callee{{scalar(0), scalar(0)}, scalar(0)};
  }
  if (opcode != "sort") return std::nullopt;
  Callee callee{{}, {ElementType::pred, {}}};
  for (size_t i = 0; i < entry.inputs->size(); ++i) {
    callee.parameters.insert(callee.parameters.end(), {scalar(i), scalar(i)});
  }
  return callee;
}

void check_callee(const Entry& entry, Findings& findings) {
  for (const ValueShape& input : entry.inputs.value_or(std::vector<ValueShape>())) {
    if (input.tuple) return;  // a matter of the shape
  }
  const std::optional<Callee> expected = expected_callee(entry);
  if (!expected) return;
  if (entry.called.size() != 1) {
    findings.error("callee", "", entry.place(),
                   fmt::format("calls {} computations", entry.called.size()),
                   "name the one it needs");
    return;
  }
  std::map<int64_t, Shape> parameters;
  std::optional<Shape> result;
  for (const Instruction& instruction : entry.called.front()->instructions()) {
    const Result<ValueShape> shape = from_proto(instruction.shape());
    if (!shape.ok() || shape->tuple) continue;
    if (instruction.opcode() == "parameter") {
      parameters.emplace(instruction.parameter_number(), shape->parts.front());
    }
    if (instruction.id() == entry.called.front()->root_id()) result = shape->parts.front();
  }
  bool fits = parameters.size() == expected->parameters.size() && result == expected->result;
  for (const auto& [number, shape] : parameters) {
    fits = fits && number < static_cast<int64_t>(expected->parameters.size()) &&
           expected->parameters[number] == shape;
  }
  if (!fits) {
    findings.error("callee", "", entry.place(),
                   fmt::format("{} takes or gives other types than its operands ask for",
                               entry.called.front()->name()),
                   "give it scalars of the operands' types");
  }
}

void check_groups(const Entry& entry, const VerifyOptions& options, Findings& findings) {
  const auto groups = replica_groups(*entry.instruction);
  if (groups.empty()) return;
  int64_t named = 0;
  for (const std::vector<int64_t>& group : groups) {
    for (const int64_t replica : group) {
      ++named;
      if (replica >= 0 && replica < options.replicas) continue;
      findings.error("replica-groups", "", entry.place(),
                     fmt::format("replica {} of {}", replica, options.replicas),
                     "compile for as many replicas as the groups name");
      return;
    }
  }
  if (named != options.replicas) {
    findings.error("replica-groups", "", entry.place(),
                   fmt::format("its groups name {} of {} replicas", named, options.replicas),
                   "put every replica into one group");
  }
}

void check_tuples(const ModuleIndex& index, Findings& findings) {
  for (const Entry& entry : index.instructions()) {
    const auto& shape = entry.instruction->shape();
    for (const auto& part : shape.tuple_shapes()) {
      if (part.element_type() != ix::hlo::TUPLE) continue;
      findings.error("tuple", "", entry.place(), "a tuple inside a tuple",
                     "make the outer tuple of all arrays");
      break;
    }
    if (entry.computation == &index.entry() && entry.instruction->opcode() == "parameter" &&
        shape.element_type() == ix::hlo::TUPLE) {
      findings.error("tuple", "", entry.place(), "a parameter of the program is a tuple",
                     "take its elements as parameters");
    }
  }
}

void check_aliases(const ModuleIndex& index, Findings& findings) {
  const auto& signature = index.module().host_program_shape();
  std::set<int64_t> parameters;
  std::set<int64_t> outputs;
  for (const auto& alias : index.module().input_output_alias().entries()) {
    const bool tuple = signature.result().element_type() == ix::hlo::TUPLE;
    const int64_t output = alias.output_shape_index_size() == 1 ? alias.output_shape_index(0) : -1;
    const int64_t parameter = alias.parameter_number();
    const bool known = tuple ? output >= 0 && output < signature.result().tuple_shapes_size()
                             : alias.output_shape_index_size() == 0;
    if (!known || alias.parameter_shape_index_size() != 0 || parameter < 0 ||
        parameter >= signature.parameters_size()) {
      findings.error("alias", "", {},
                     fmt::format("output {} or parameter {} is not there", output, parameter),
                     "name an output and a parameter of the program");
      continue;
    }
    const auto from = from_proto(signature.parameters(static_cast<int>(parameter)));
    const auto to = from_proto(tuple ? signature.result().tuple_shapes(static_cast<int>(output))
                                     : signature.result());
    if (!from.ok() || !to.ok() || *from != *to) {
      findings.error("alias", "", {},
                     fmt::format("output {} and parameter {} differ in shape", output, parameter),
                     "alias arrays of one type and extents");
    }
    if (!parameters.insert(parameter).second || !outputs.insert(output).second) {
      findings.error("alias", "", {},
                     fmt::format("output {} or parameter {} is aliased twice", output, parameter),
                     "give a parameter's storage to one output");
    }
  }
}

}  // namespace

void check_shapes(const ModuleIndex& index, const VerifyOptions& options, Findings& findings) {
  check_tuples(index, findings);
  for (const Entry& entry : index.instructions()) {
    check_shape(entry, findings);
    if (entry.instruction->opcode() == "constant") check_literal(entry, findings);
    check_callee(entry, findings);
    check_groups(entry, options, findings);
  }
  check_aliases(index, findings);
}

}  // namespace ix::backend::xla::hlo
