#include "backend/xla/hlo/builder_state.h"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <bit>

#include "backend/xla/hlo/shape_inference.h"

namespace ix::backend::xla::hlo {
namespace {

// What NEFFs call their arguments and results: compilers for Neuron read these attributes.
constexpr const char* kInputNames = "neff_input_names";
constexpr const char* kOutputNames = "neff_output_names";

// Ids that were positions become ids from `first`, and names follow them. Returns the next free id.
int64_t number(Computation& computation, int64_t first) {
  for (Instruction& instruction : *computation.mutable_instructions()) {
    instruction.set_id(instruction.id() + first);
    instruction.set_name(fmt::format("{}.{}", instruction.opcode(), instruction.id()));
    for (int64_t& operand : *instruction.mutable_operand_ids()) operand += first;
  }
  computation.set_root_id(computation.root_id() + first);
  return first + computation.instructions_size();
}

// Map fields in the order of their keys, so that equal programs are equal bytes.
std::string serialise(const ix::hlo::HloModuleProto& proto) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  proto.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

std::string type_names(std::span<const ElementType> types) {
  std::vector<const char*> names;
  for (const ElementType type : types) names.push_back(to_text(type));
  return fmt::format("{}", fmt::join(names, "_"));
}

// Scalars as parameters and nothing else.
Computation computation_of(const std::string& name, std::span<const ElementType> parameters) {
  Computation body;
  body.set_name(name);
  for (const ElementType type : parameters) {
    const int number = body.instructions_size();
    Instruction& parameter = *body.add_instructions();
    parameter = make_instruction("parameter", Shape{type, {}});
    parameter.set_id(number);
    parameter.set_parameter_number(number);
    *body.mutable_program_shape()->add_parameters() = parameter.shape();
    body.mutable_program_shape()->add_parameter_names(fmt::format("p{}", number));
  }
  return body;
}

}  // namespace

Instruction make_instruction(const char* opcode) {
  Instruction instruction;
  instruction.set_opcode(opcode);
  return instruction;
}

Instruction make_instruction(const char* opcode, const Shape& shape) {
  Instruction instruction = make_instruction(opcode);
  *instruction.mutable_shape() = to_proto(shape);
  return instruction;
}

BuilderState::BuilderState(std::string name, int32_t replicas)
    : name_(std::move(name)), replicas_(replicas) {
  if (name_.empty()) fail("module", "has no name");
  if (replicas_ < 1) fail("module", fmt::format("runs on {} replicas", replicas_));
}

Op BuilderState::fail(const std::string& what, const std::string& message) {
  if (error_.ok()) {
    error_ = internal_error(fmt::format("HLO program {}: {}{}{} (operation {}): {}", name_, scope_,
                                        scope_.empty() ? "" : ": ", what, shapes_.size(), message));
  }
  return {};
}

Op BuilderState::append(Instruction instruction, std::span<const Op> operands) {
  if (failed()) return {};
  std::vector<ValueShape> operand_shapes;
  for (const Op operand : operands) {
    if (operand.index < 0 || operand.index >= static_cast<int32_t>(shapes_.size())) {
      return fail(instruction.opcode(), "an operand is no value of this program");
    }
    instruction.add_operand_ids(operand.index);
    operand_shapes.push_back(shapes_[operand.index]);
  }
  Result<ValueShape> shape = infer_shape(instruction, operand_shapes);
  // Extents whose product overflows are found by reading the shape back.
  if (shape.ok()) shape = from_proto(to_proto(*shape));
  if (!shape.ok()) return fail(instruction.opcode(), shape.status().message());
  *instruction.mutable_shape() = to_proto(*shape);
  if (!scope_.empty()) instruction.mutable_metadata()->set_op_name(scope_);
  const Op op{static_cast<int32_t>(shapes_.size())};
  instruction.set_id(op.index);
  shapes_.push_back(*std::move(shape));
  parameter_number_.push_back(-1);
  *entry_.add_instructions() = std::move(instruction);
  return op;
}

void BuilderState::check_name(const char* what, const std::string& name,
                              std::span<const NamedShape> taken) {
  if (name.empty() || name.find(',') != std::string::npos) {
    fail(what, fmt::format("\"{}\" is no name", name));
  }
  for (const NamedShape& other : taken) {
    if (other.name == name) fail(what, fmt::format("there are two of the name {}", name));
  }
}

Op BuilderState::parameter(std::string name, Shape shape) {
  check_name("parameter", name, module_.parameters);
  Instruction instruction = make_instruction("parameter", shape);
  const auto number = static_cast<int32_t>(module_.parameters.size());
  instruction.set_parameter_number(number);
  (*instruction.mutable_frontend_attributes()->mutable_map())[kInputNames] = name;
  const Op op = append(std::move(instruction), {});
  if (failed()) return {};
  parameter_number_[op.index] = number;
  module_.parameters.push_back({std::move(name), std::move(shape)});
  return op;
}

Op BuilderState::scalar(ElementType type, double value) {
  const std::pair key(type, std::bit_cast<uint64_t>(value));
  if (const auto known = scalars_.find(key); known != scalars_.end()) return known->second;
  Result<ix::hlo::LiteralProto> literal = scalar_literal(type, value);
  if (!literal.ok()) return fail("constant", literal.status().message());
  Instruction instruction = make_instruction("constant", Shape{type, {}});
  *instruction.mutable_literal() = *std::move(literal);
  const Op op = append(std::move(instruction), {});
  if (!failed()) scalars_.emplace(key, op);
  return op;
}

int64_t BuilderState::computation(const std::string& name, std::span<const ElementType> parameters,
                                  Instruction root, std::span<const int> operands) {
  if (const int64_t known = called(name)) return known;
  Computation body = computation_of(name, parameters);
  std::vector<ValueShape> operand_shapes;
  for (const int operand : operands) {
    root.add_operand_ids(operand);
    operand_shapes.push_back(ValueShape::array({parameters[operand], {}}));
  }
  const Result<ValueShape> shape = infer_shape(root, operand_shapes);
  if (!shape.ok()) {
    fail(name, shape.status().message());
    return 0;
  }
  *root.mutable_shape() = to_proto(*shape);
  *body.mutable_program_shape()->mutable_result() = root.shape();
  root.set_id(body.instructions_size());
  body.set_root_id(root.id());
  *body.add_instructions() = std::move(root);
  return add_called(std::move(body));
}

int64_t BuilderState::called(const std::string& name) const {
  const auto found = std::ranges::find(called_, name, &Computation::name);
  return found == called_.end() ? 0 : found - called_.begin() + 1;
}

int64_t BuilderState::add_called(Computation body) {
  body.set_id(static_cast<int64_t>(called_.size()) + 1);
  called_.push_back(std::move(body));
  return called_.back().id();
}

Op BuilderState::tuple_element(Op tuple, size_t index) {
  Instruction element = make_instruction("get-tuple-element");
  element.set_tuple_index(static_cast<int64_t>(index));
  return append(std::move(element), {tuple});
}

int64_t BuilderState::reduction(Reduction reduction, ElementType type) {
  const char* opcode = reduction == Reduction::add   ? "add"
                       : reduction == Reduction::max ? "maximum"
                                                     : "minimum";
  const ElementType types[] = {type, type};
  const int operands[] = {0, 1};
  return computation(fmt::format("{}_{}", opcode, to_text(type)), types, make_instruction(opcode),
                     operands);
}

int64_t BuilderState::comparator(SortOrder order, std::span<const ElementType> types) {
  const bool ascending = order == SortOrder::ascending;
  Instruction root = make_instruction("compare");
  root.set_comparison_direction(ascending ? "LT" : "GT");
  std::vector<ElementType> pairs;
  for (const ElementType type : types) pairs.insert(pairs.end(), {type, type});
  const int operands[] = {0, 1};
  if (pairs.empty()) {
    fail("sort", "has no operands");
    return 0;
  }
  return computation(fmt::format("{}_{}", ascending ? "less" : "greater", type_names(types)), pairs,
                     std::move(root), operands);
}

int64_t BuilderState::assignment(ElementType type, bool by_copy) {
  // A bare parameter as root is not taken by every compiler.
  const ElementType types[] = {type, type};
  if (by_copy) {
    const int operands[] = {1};
    return computation(fmt::format("assign_{}", to_text(type)), types, make_instruction("copy"),
                       operands);
  }
  const std::string name = fmt::format("second_{}", to_text(type));
  if (const int64_t known = called(name)) return known;
  Computation body = computation_of(name, types);
  body.set_root_id(1);
  *body.mutable_program_shape()->mutable_result() = body.instructions(1).shape();
  return add_called(std::move(body));
}

void BuilderState::output(std::string name, Op value, const Op* parameter) {
  if (failed()) return;
  check_name("output", name, module_.outputs);
  const bool taken =
      std::ranges::any_of(output_ops_, [value](Op other) { return other.index == value.index; });
  const bool is_parameter = value.index >= 0 &&
                            value.index < static_cast<int32_t>(parameter_number_.size()) &&
                            parameter_number_[value.index] >= 0;
  output_ops_.push_back(taken || is_parameter ? append(make_instruction("copy"), {value}) : value);
  if (failed() || value.index < 0) {
    fail("output", name + " is no value of this program");
    return;
  }
  const auto number = static_cast<int32_t>(module_.outputs.size());
  module_.outputs.push_back({std::move(name), shape(value)});
  if (parameter == nullptr) return;
  const NamedShape& output = module_.outputs.back();
  if (parameter->index < 0 || parameter_number_[parameter->index] < 0) {
    fail("output", output.name + " is put in place of what is no parameter");
    return;
  }
  const int32_t storage = parameter_number_[parameter->index];
  const NamedShape& input = module_.parameters[storage];
  for (const Alias& other : module_.aliases) {
    if (other.parameter == storage) {
      fail("output", fmt::format("{} and {} take the storage of {}", output.name,
                                 module_.outputs[other.output].name, input.name));
    }
  }
  if (output.shape != input.shape) {
    fail("output", fmt::format("{} is {}, the parameter {} is {}", output.name,
                               to_text(output.shape), input.name, to_text(input.shape)));
  }
  module_.aliases.push_back({number, storage});
}

void BuilderState::append_root() {
  Instruction root = make_instruction("tuple");
  std::vector<std::string> names;
  for (const NamedShape& output : module_.outputs) names.push_back(output.name);
  (*root.mutable_frontend_attributes()->mutable_map())[kOutputNames] =
      fmt::format("{}", fmt::join(names, ","));
  scope_.clear();
  const Op op = append(std::move(root), output_ops_);
  entry_.set_root_id(op.index);
}

Result<Module> BuilderState::finish() {
  if (module_.outputs.empty()) fail("module", "has no outputs");
  append_root();
  if (failed()) return error_;

  ix::hlo::HloModuleProto proto;
  proto.set_name(name_);
  proto.set_entry_computation_name("main");
  int64_t next_id = 1;
  for (Computation& called : called_) {
    next_id = number(called, next_id);
    *proto.add_computations() = std::move(called);
  }
  number(entry_, next_id);
  entry_.set_name("main");
  entry_.set_id(proto.computations_size() + 1);
  proto.set_entry_computation_id(entry_.id());
  ix::hlo::ProgramShapeProto& signature = *entry_.mutable_program_shape();
  for (const NamedShape& parameter : module_.parameters) {
    *signature.add_parameters() = to_proto(parameter.shape);
    signature.add_parameter_names(parameter.name);
  }
  *signature.mutable_result() = entry_.instructions(entry_.instructions_size() - 1).shape();
  *proto.mutable_host_program_shape() = signature;
  for (const Alias& alias : module_.aliases) {
    auto& entry = *proto.mutable_input_output_alias()->add_entries();
    entry.add_output_shape_index(alias.output);
    entry.set_parameter_number(alias.parameter);
    entry.set_kind(ix::hlo::HloInputOutputAliasProto::MAY_ALIAS);
  }
  *proto.add_computations() = std::move(entry_);

  module_.name = name_;
  module_.replicas = replicas_;
  module_.bytes = serialise(proto);
  return std::move(module_);
}

}  // namespace ix::backend::xla::hlo
