// A finished HLO program: the bytes that a compiler takes, and its signature.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/xla/hlo/shape.h"

namespace ix::backend::xla::hlo {

struct NamedShape {
  std::string name;  // unique among the parameters, and among the outputs
  Shape shape;
};

// The output takes the parameter's storage.
struct Alias {
  int32_t output;
  int32_t parameter;
};

struct Module {
  std::string name;
  std::string bytes;  // serialised xla.HloModuleProto; equal for equal programs
  std::vector<NamedShape> parameters;
  std::vector<NamedShape> outputs;  // elements of the root tuple
  std::vector<Alias> aliases;
  int32_t replicas = 1;
};

}  // namespace ix::backend::xla::hlo
