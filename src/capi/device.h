// What serves the calls: chosen by IX_DEVICE and IX_CPU_ISA.
#pragma once

#include <string>
#include <string_view>

#include "backend/cpu/kernels/gemm_exact_kernels.h"
#include "backend/cpu/kernels/matrix_kernels.h"
#include "base/result.h"

namespace ix::capi {

// The CPU, the only device so far.
struct Device {
  std::string name;  // for people
  int threads;
  const backend::cpu::MatrixKernels* matrix;
  const backend::cpu::ExactKernels* exact;
};

// `name` as IX_DEVICE has it; empty is auto. unsupported for devices that are not built in,
// invalid_argument for unknown names and those of IX_CPU_ISA.
Result<Device> choose_device(std::string_view name);

// Whether this machine has a Neuron device, usable or not.
bool neuron_device_present();

}  // namespace ix::capi
