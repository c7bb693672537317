#include "xla/pjrt/tiny_module.h"

namespace ix::testing {
namespace {

using backend::xla::hlo::Alias;
using backend::xla::hlo::ElementType;
using backend::xla::hlo::Module;
using backend::xla::hlo::NamedShape;
using backend::xla::hlo::Shape;
using backend::xla::pjrt::ProtoWriter;

// Field numbers: xla/service/hlo.proto and xla/xla_data.proto.
constexpr int kAdditionId = 1;  // computations
constexpr int kEntryId = 2;
constexpr uint64_t kTuple = 13;  // PrimitiveType

ProtoWriter shape_proto(const Shape& shape) {
  ProtoWriter layout;
  for (int64_t i = shape.rank() - 1; i >= 0; --i) layout.integer(1, static_cast<uint64_t>(i));
  ProtoWriter proto;
  proto.integer(2, static_cast<uint64_t>(shape.type));
  for (const int64_t dim : shape.dims) proto.integer(3, static_cast<uint64_t>(dim));
  return proto.message(5, layout);
}

ProtoWriter tuple_proto(const std::vector<NamedShape>& elements) {
  ProtoWriter proto;
  proto.integer(2, kTuple);
  for (const NamedShape& element : elements) proto.message(4, shape_proto(element.shape));
  return proto;
}

ProtoWriter instruction_proto(int id, const std::string& opcode, const ProtoWriter& shape,
                              const std::vector<int>& operands) {
  ProtoWriter proto;
  proto.bytes(1, opcode + "." + std::to_string(id)).bytes(2, opcode).message(3, shape);
  proto.integer(35, static_cast<uint64_t>(id));
  for (const int operand : operands) proto.integer(36, static_cast<uint64_t>(operand));
  return proto;
}

// (a, b) -> a + b of f32 scalars, with ids from `id`.
ProtoWriter addition(int id) {
  const ProtoWriter scalar = shape_proto({ElementType::f32, {}});
  ProtoWriter signature;
  signature.message(1, scalar).message(1, scalar).message(2, scalar).bytes(3, "a").bytes(3, "b");
  return ProtoWriter()
      .bytes(1, "addition")
      .message(2, instruction_proto(id, "parameter", scalar, {}).integer(9, 0))
      .message(2, instruction_proto(id + 1, "parameter", scalar, {}).integer(9, 1))
      .message(2, instruction_proto(id + 2, "add", scalar, {id, id + 1}))
      .message(4, signature)
      .integer(5, kAdditionId)
      .integer(6, static_cast<uint64_t>(id + 2));
}

}  // namespace

TinyModule::Value TinyModule::append(ProtoWriter proto, const Shape& shape) {
  instructions_.push_back({std::move(proto), shape});
  return static_cast<Value>(instructions_.size());
}

TinyModule::Value TinyModule::instruction(const std::string& opcode, const Shape& shape,
                                          const std::vector<Value>& operands) {
  const Value id = static_cast<Value>(instructions_.size()) + 1;
  return append(instruction_proto(id, opcode, shape_proto(shape), operands), shape);
}

TinyModule::Value TinyModule::parameter(const std::string& name, const Shape& shape) {
  const Value id = instruction("parameter", shape, {});
  instructions_.back().proto.integer(9, parameters_.size());
  parameters_.push_back({name, shape});
  return id;
}

TinyModule::Value TinyModule::elementwise(const std::string& opcode, Value a, Value b) {
  return instruction(opcode, instructions_[static_cast<size_t>(a - 1)].shape, {a, b});
}

TinyModule::Value TinyModule::all_reduce_sum(Value x) {
  reduces_ = true;
  const Value id = instruction("all-reduce", instructions_[static_cast<size_t>(x - 1)].shape, {x});
  instructions_.back().proto.integer(38, kAdditionId);  // no groups: all replicas
  return id;
}

TinyModule::Value TinyModule::dynamic_update_slice(Value x, Value update,
                                                   const std::vector<Value>& starts) {
  std::vector<Value> operands = {x, update};
  operands.insert(operands.end(), starts.begin(), starts.end());
  return instruction("dynamic-update-slice", instructions_[static_cast<size_t>(x - 1)].shape,
                     operands);
}

void TinyModule::output(const std::string& name, Value value) {
  outputs_.push_back({name, instructions_[static_cast<size_t>(value - 1)].shape});
  roots_.push_back(value);
}

void TinyModule::alias(int32_t parameter) {
  aliases_.push_back({static_cast<int32_t>(outputs_.size()) - 1, parameter});
}

Module TinyModule::finish(int32_t replicas) {
  const int root = static_cast<int>(instructions_.size()) + 1;
  const ProtoWriter result = tuple_proto(outputs_);
  ProtoWriter signature;
  for (const NamedShape& parameter : parameters_)
    signature.message(1, shape_proto(parameter.shape));
  signature.message(2, result);
  for (const NamedShape& parameter : parameters_) signature.bytes(3, parameter.name);

  ProtoWriter entry;
  entry.bytes(1, "entry");
  for (const Instruction& instruction : instructions_) entry.message(2, instruction.proto);
  entry.message(2, instruction_proto(root, "tuple", result, roots_))
      .message(4, signature)
      .integer(5, kEntryId)
      .integer(6, static_cast<uint64_t>(root));

  ProtoWriter module;
  module.bytes(1, name_).bytes(2, "entry");
  if (reduces_) module.message(3, addition(root + 1));
  module.message(3, entry).message(4, signature).integer(6, kEntryId);
  ProtoWriter aliases;
  for (const Alias& alias : aliases_) {
    aliases.message(1, ProtoWriter()
                           .integer(1, static_cast<uint64_t>(alias.output))
                           .integer(2, static_cast<uint64_t>(alias.parameter))
                           .integer(4, 1));  // MAY_ALIAS
  }
  if (!aliases_.empty()) module.message(8, aliases);
  return {name_, module.bytes(), parameters_, outputs_, aliases_, replicas};
}

}  // namespace ix::testing
