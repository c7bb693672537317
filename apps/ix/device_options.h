// Which device runs a model, and how.
#pragma once

#include <cstdint>
#include <string>

#include "backend/xla/program_set.h"
#include "backend/xla/weights/weight_list.h"
#include "base/result.h"

namespace ix::cli {

// Choices of a person; what is left open comes from what was compiled for the model, or a default.
struct DeviceOptions {
  std::string device = "cpu";       // cpu, xla, pjrt:PATH or neuron
  int ranks = 0;                    // tensor parallel; 0 = open
  std::string weights;              // form on the device: bf16, f16, int8 or q4; "" = open
  int32_t layers_per_program = -1;  // 0 = all; -1 = open
};

// How a device other than the CPU runs a model.
struct DevicePlan {
  int ranks = 0;        // 0 = one, of neuron every visible core
  int32_t slots = 1;    // sequences
  int64_t context = 0;  // tokens of a slot; 0 = as on the CPU
  backend::xla::WeightOptions weights;
  backend::xla::ProgramSetOptions programs;
};

// The form of a name that people may give; invalid_argument names --weights.
Result<backend::xla::WeightForm> device_form(const std::string& name);

}  // namespace ix::cli
