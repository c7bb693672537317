#include "capi/device.h"

#include <fmt/format.h>
#include <unistd.h>

#include "backend/cpu/kernels/gemm_exact_dispatch.h"
#include "backend/cpu/kernels/isa.h"
#include "backend/cpu/kernels/matrix_dispatch.h"
#include "base/thread_pool.h"

namespace ix::capi {

Result<Device> choose_device(std::string_view name) {
  if (name == "neuron") {
    return unsupported("IX_DEVICE=neuron: Neuron is not built in yet; use auto or cpu");
  }
  if (name.starts_with("pjrt:")) {
    return unsupported(
        fmt::format("IX_DEVICE={}: PJRT plugins are not built in yet; use auto or cpu", name));
  }
  if (!name.empty() && name != "auto" && name != "cpu") {
    return invalid_argument(
        fmt::format("IX_DEVICE={} is not a device; use auto, cpu, pjrt:PATH or neuron", name));
  }
  IX_ASSIGN_OR_RETURN(const backend::cpu::Isa isa, backend::cpu::choose_isa());
  Device device;
  device.threads = default_threads();
  device.name = fmt::format("CPU ({}, {} {})", backend::cpu::to_string(isa), device.threads,
                            device.threads == 1 ? "thread" : "threads");
  device.matrix = &backend::cpu::matrix_kernels(isa);
  device.exact = &backend::cpu::exact_kernels(isa);
  return device;
}

bool neuron_device_present() { return access("/dev/neuron0", F_OK) == 0; }

}  // namespace ix::capi
