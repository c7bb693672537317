#include "fake_neuron/sketch.h"

namespace ix::fake_neuron {

ShapeProto array(PrimitiveType type, std::initializer_list<int64_t> dims) {
  ShapeProto shape;
  shape.set_element_type(type);
  for (const int64_t dim : dims) shape.add_dimensions(dim);
  auto* layout = shape.mutable_layout();
  for (auto i = static_cast<int64_t>(dims.size()); i > 0; --i) layout->add_minor_to_major(i - 1);
  return shape;
}

ShapeProto tuple_of(std::initializer_list<ShapeProto> shapes) {
  ShapeProto shape;
  shape.set_element_type(hlo::TUPLE);
  for (const ShapeProto& element : shapes) *shape.add_tuple_shapes() = element;
  return shape;
}

Sketch::Sketch(const std::string& name) {
  module_.set_name(name);
  module_.mutable_host_program_shape();
  entry_.set_name("entry");
}

HloInstructionProto& Sketch::append(hlo::HloComputationProto& computation,
                                    const std::string& opcode, const ShapeProto& shape,
                                    const std::vector<int64_t>& operands) {
  HloInstructionProto& instruction = *computation.add_instructions();
  instruction.set_id(next_id_);
  instruction.set_name(opcode + "." + std::to_string(next_id_));
  ++next_id_;
  instruction.set_opcode(opcode);
  *instruction.mutable_shape() = shape;
  for (const int64_t operand : operands) instruction.add_operand_ids(operand);
  return instruction;
}

HloInstructionProto& Sketch::add(const std::string& opcode, const ShapeProto& shape,
                                 const std::vector<int64_t>& operands) {
  return append(entry_, opcode, shape, operands);
}

int64_t Sketch::parameter(const ShapeProto& shape) {
  HloInstructionProto& parameter = add("parameter", shape);
  parameter.set_parameter_number(parameters_++);
  *module_.mutable_host_program_shape()->add_parameters() = shape;
  module_.mutable_host_program_shape()->add_parameter_names(parameter.name());
  return parameter.id();
}

int64_t Sketch::computation(const std::vector<ShapeProto>& parameters, const std::string& opcode,
                            const ShapeProto& result, const std::string& direction,
                            int root_parameter) {
  hlo::HloComputationProto& made = *module_.add_computations();
  made.set_id(next_computation_++);
  made.set_name("computation." + std::to_string(made.id()));
  std::vector<int64_t> ids;
  for (const ShapeProto& shape : parameters) {
    HloInstructionProto& parameter = append(made, "parameter", shape, {});
    parameter.set_parameter_number(static_cast<int64_t>(ids.size()));
    ids.push_back(parameter.id());
  }
  made.set_root_id(ids.at(root_parameter));
  if (!opcode.empty()) {
    HloInstructionProto& root = append(made, opcode, result, ids);
    root.set_comparison_direction(direction);
    made.set_root_id(root.id());
  }
  return made.id();
}

Sketch& Sketch::output(const HloInstructionProto& value) {
  const HloInstructionProto& copy = add("copy", ShapeProto(value.shape()), {value.id()});
  return outputs_as_they_are({copy.id()});
}

Sketch& Sketch::outputs_as_they_are(const std::vector<int64_t>& ids) {
  ShapeProto shape;
  shape.set_element_type(hlo::TUPLE);
  for (const int64_t id : ids) {
    for (const HloInstructionProto& instruction : entry_.instructions()) {
      if (instruction.id() == id) *shape.add_tuple_shapes() = instruction.shape();
    }
  }
  entry_.set_root_id(add("tuple", shape, ids).id());
  *module_.mutable_host_program_shape()->mutable_result() = shape;
  return *this;
}

std::string Sketch::bytes() {
  hlo::HloModuleProto whole = module_;
  entry_.set_id(next_computation_);
  whole.set_entry_computation_id(next_computation_);
  whole.set_entry_computation_name(entry_.name());
  *whole.add_computations() = entry_;
  return whole.SerializeAsString();
}

}  // namespace ix::fake_neuron
