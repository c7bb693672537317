// Small HLO modules for tests, written field by field: what the PJRT layer is tested with does not
// come from the code that writes modules elsewhere.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/xla/hlo/module.h"
#include "backend/xla/pjrt/proto_writer.h"

namespace ix::testing {

class TinyModule {
 public:
  using Value = int;  // an instruction's id, from 1

  explicit TinyModule(std::string name) : name_(std::move(name)) {}

  Value parameter(const std::string& name, const backend::xla::hlo::Shape& shape);
  Value add(Value a, Value b) { return elementwise("add", a, b); }
  Value multiply(Value a, Value b) { return elementwise("multiply", a, b); }
  // The sum over all replicas.
  Value all_reduce_sum(Value x);
  // x with `update` written at `starts`, scalars of s32, one a dimension.
  Value dynamic_update_slice(Value x, Value update, const std::vector<Value>& starts);
  // Any instruction without attributes.
  Value instruction(const std::string& opcode, const backend::xla::hlo::Shape& shape,
                    const std::vector<Value>& operands);

  void output(const std::string& name, Value value);
  // The last output takes a parameter's storage.
  void alias(int32_t parameter);

  // The module; call once, at the end.
  backend::xla::hlo::Module finish(int32_t replicas = 1);

 private:
  using ProtoWriter = backend::xla::pjrt::ProtoWriter;
  struct Instruction {
    ProtoWriter proto;
    backend::xla::hlo::Shape shape;
  };

  Value elementwise(const std::string& opcode, Value a, Value b);
  Value append(ProtoWriter proto, const backend::xla::hlo::Shape& shape);

  std::string name_;
  std::vector<Instruction> instructions_;
  std::vector<backend::xla::hlo::NamedShape> parameters_;
  std::vector<backend::xla::hlo::NamedShape> outputs_;
  std::vector<Value> roots_;
  std::vector<backend::xla::hlo::Alias> aliases_;
  bool reduces_ = false;
};

}  // namespace ix::testing
