// What serves the calls: chosen by IX_DEVICE and IX_CPU_ISA.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "backend/cpu/kernels/gemm_exact_kernels.h"
#include "backend/cpu/kernels/matrix_kernels.h"
#include "backend/xla/gemm/gemm_device.h"
#include "base/result.h"

namespace ix::capi {

// The CPU, which also prepares what an accelerator multiplies.
struct Device {
  std::string name;  // of what serves, for people
  std::string note;  // why a Neuron device does not serve though one may be there; mostly empty
  int threads;
  const backend::cpu::MatrixKernels* matrix;
  const backend::cpu::ExactKernels* exact;
  std::shared_ptr<backend::xla::GemmDevice> accelerator;  // null: the CPU serves
};

// `name` as IX_DEVICE has it; empty is auto. Messages say what to do. invalid_argument for unknown
// names and those of IX_CPU_ISA, otherwise the errors of open_pjrt() and open_neuron().
Result<Device> choose_device(std::string_view name);

}  // namespace ix::capi
