// A module written instruction by instruction, right or wrong: nothing is checked or inferred.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "backend/xla/hlo/hlo.pb.h"

namespace ix::fake_neuron {

using hlo::HloInstructionProto;
using hlo::PrimitiveType;
using hlo::ShapeProto;

ShapeProto array(PrimitiveType type, std::initializer_list<int64_t> dims = {});
ShapeProto tuple_of(std::initializer_list<ShapeProto> shapes);

class Sketch {
 public:
  explicit Sketch(const std::string& name);

  // Of the entry computation. Names are the opcode and the id.
  HloInstructionProto& add(const std::string& opcode, const ShapeProto& shape,
                           const std::vector<int64_t>& operands = {});
  int64_t parameter(const ShapeProto& shape);
  // A computation whose parameters have these shapes and whose root is `opcode` of them, or its
  // parameter `root_parameter` where the opcode is empty. Its id.
  int64_t computation(const std::vector<ShapeProto>& parameters, const std::string& opcode,
                      const ShapeProto& result, const std::string& direction = {},
                      int root_parameter = 0);

  hlo::HloModuleProto& proto() { return module_; }
  hlo::HloComputationProto& entry() { return entry_; }

  // A copy of an instruction's value becomes the only output.
  Sketch& output(const HloInstructionProto& value);
  // The instructions themselves become the outputs.
  Sketch& outputs_as_they_are(const std::vector<int64_t>& ids);

  std::string bytes();

 private:
  HloInstructionProto& append(hlo::HloComputationProto& computation, const std::string& opcode,
                              const ShapeProto& shape, const std::vector<int64_t>& operands);

  hlo::HloModuleProto module_;
  hlo::HloComputationProto entry_;  // joins the module last: callees stand before callers
  int64_t next_id_ = 1;
  int64_t next_computation_ = 1;
  int64_t parameters_ = 0;
};

}  // namespace ix::fake_neuron
