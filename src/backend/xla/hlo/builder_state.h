// A program under construction. Private to builder*.cc.
#pragma once

#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backend/xla/hlo/builder.h"
#include "backend/xla/hlo/hlo.pb.h"
#include "backend/xla/hlo/value_shape.h"

namespace ix::backend::xla::hlo {

using Instruction = ix::hlo::HloInstructionProto;
using Computation = ix::hlo::HloComputationProto;

// The least and the greatest of a type: infinities for floats, 0 and 1 for pred.
double lowest_value(ElementType type);
double highest_value(ElementType type);

// A literal of one value; invalid_argument where the type cannot hold it.
Result<ix::hlo::LiteralProto> scalar_literal(ElementType type, double value);

Instruction make_instruction(const char* opcode);
// Also says a shape that operands do not tell.
Instruction make_instruction(const char* opcode, const Shape& shape);

template <typename Values>
void append_all(google::protobuf::RepeatedField<int64_t>& field, const Values& values) {
  field.Add(values.begin(), values.end());
}

class BuilderState {
 public:
  BuilderState(std::string name, int32_t replicas);

  int32_t replicas() const { return replicas_; }
  void set_scope(std::string scope) { scope_ = std::move(scope); }

  bool failed() const { return !error_.ok(); }
  // Keeps the first error. Returns an Op that every operation passes over.
  Op fail(const std::string& what, const std::string& message);

  // Not after an error.
  const Shape& shape(Op op) const { return shapes_[op.index].parts.front(); }

  // Adds the instruction with the shape that its operands give. Ids are positions until finish().
  // After an error, or when an operand is the result of one: nothing.
  Op append(Instruction instruction, std::span<const Op> operands);
  Op append(Instruction instruction, std::initializer_list<Op> operands) {
    return append(std::move(instruction), std::span(operands.begin(), operands.size()));
  }

  Op parameter(std::string name, Shape shape);
  Op scalar(ElementType type, double value);
  Op tuple_element(Op tuple, size_t index);
  void output(std::string name, Op value, const Op* parameter);

  // Number of the computation to call.
  int64_t reduction(Reduction reduction, ElementType type);
  int64_t comparator(SortOrder order, std::span<const ElementType> types);
  int64_t assignment(ElementType type, bool by_copy);

  Result<Module> finish();

 private:
  // The computation of that name: one operation on some of its scalar parameters.
  int64_t computation(const std::string& name, std::span<const ElementType> parameters,
                      Instruction root, std::span<const int> operands);
  int64_t called(const std::string& name) const;  // 0 where there is none of that name
  int64_t add_called(Computation body);
  void check_name(const char* what, const std::string& name, std::span<const NamedShape> taken);
  void append_root();

  std::string name_;
  int32_t replicas_;
  std::string scope_;
  Status error_;
  Computation entry_;
  std::vector<ValueShape> shapes_;                          // by Op
  std::vector<int32_t> parameter_number_;                   // by Op, -1 for other opcodes
  std::map<std::pair<ElementType, uint64_t>, Op> scalars_;  // by type and bits of the double
  std::vector<Computation> called_;
  Module module_;
  std::vector<Op> output_ops_;
};

}  // namespace ix::backend::xla::hlo
