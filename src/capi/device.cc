#include "capi/device.h"

#include <fmt/format.h>

#include <utility>

#include "backend/cpu/kernels/gemm_exact_dispatch.h"
#include "backend/cpu/kernels/isa.h"
#include "backend/cpu/kernels/matrix_dispatch.h"
#include "base/thread_pool.h"
#include "capi/accelerator.h"

namespace ix::capi {
namespace {

constexpr std::string_view kPlugin = "pjrt:";

Result<Device> cpu() {
  IX_ASSIGN_OR_RETURN(const backend::cpu::Isa isa, backend::cpu::choose_isa());
  Device device;
  device.threads = default_threads();
  device.name = fmt::format("CPU ({}, {} {})", backend::cpu::to_string(isa), device.threads,
                            device.threads == 1 ? "thread" : "threads");
  device.matrix = &backend::cpu::matrix_kernels(isa);
  device.exact = &backend::cpu::exact_kernels(isa);
  return device;
}

Status add(Device& device, Result<Accelerator> opened, std::string_view name) {
  if (!opened.ok()) {
    return {opened.status().code(),
            fmt::format("IX_DEVICE={}: {}; IX_DEVICE=cpu computes on the CPU", name,
                        opened.status().message())};
  }
  device.name = opened->name;
  device.accelerator = opened->device;
  return ok_status();
}

// Neuron where libnrt can be used and a core is visible.
Status add_what_is_there(Device& device) {
  Result<Accelerator> neuron = open_neuron();
  const StatusCode code = neuron.status().code();
  if (code != StatusCode::not_found && code != StatusCode::unsupported) {
    return add(device, std::move(neuron), "auto");
  }
  if (code == StatusCode::unsupported || neuron_device_present()) {
    device.note = fmt::format("Neuron does not serve: {}", neuron.status().message());
  }
  return ok_status();
}

}  // namespace

Result<Device> choose_device(std::string_view name) {
  const bool is_auto = name.empty() || name == "auto";
  const bool is_plugin = name.starts_with(kPlugin);
  if (!is_auto && !is_plugin && name != "cpu" && name != "neuron") {
    return invalid_argument(
        fmt::format("IX_DEVICE={} is not a device; use auto, cpu, pjrt:PATH or neuron", name));
  }
  IX_ASSIGN_OR_RETURN(Device device, cpu());
  if (is_plugin) {
    IX_RETURN_IF_ERROR(add(device, open_pjrt(std::string(name.substr(kPlugin.size()))), name));
  } else if (name == "neuron") {
    IX_RETURN_IF_ERROR(add(device, open_neuron(), name));
  } else if (is_auto) {
    IX_RETURN_IF_ERROR(add_what_is_there(device));
  }
  return device;
}

}  // namespace ix::capi
