// Devices beside the CPU: what IX_DEVICE=pjrt:PATH and neuron open. With one of them open this
// library stays loaded until the process ends, whatever dlclose is told.
#pragma once

#include <memory>
#include <string>

#include "backend/xla/gemm/gemm_device.h"
#include "base/result.h"

namespace ix::capi {

struct Accelerator {
  std::shared_ptr<backend::xla::GemmDevice> device;
  std::string name;  // for people
};

// As many devices of the plugin as IX_PJRT_DEVICES says, 1 where it is not set. invalid_argument:
// that, an empty path, or a file that is no plugin; not_found: the file or the devices.
Result<Accelerator> open_pjrt(const std::string& path);

// All visible cores. not_found: no libnrt or no core; others as NeuronRuntime::open.
Result<Accelerator> open_neuron();

// Whether this machine has a Neuron device, usable or not.
bool neuron_device_present();

// The status of what was done with the device. Where a new program was run, Runtime::end_first().
Status after_use(const backend::xla::GemmDevice& device, Status status);

}  // namespace ix::capi
