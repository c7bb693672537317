#include "capi/accelerator.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include "backend/neuron/neuron_runtime.h"
#include "backend/xla/pjrt/pjrt_runtime.h"
#include "base/thread_pool.h"
#include "capi/runtime.h"

namespace ix::capi {
namespace {

namespace neuron = backend::neuron;
namespace pjrt = backend::xla::pjrt;
using backend::xla::GemmDevice;
using backend::xla::GemmDeviceOptions;

constexpr const char* kPjrtDevices = "IX_PJRT_DEVICES";
constexpr int kMostPjrtDevices = 1024;
constexpr int kCoresOfAChip = 2;  // NeuronCores-v2

Result<int> pjrt_devices() {
  const char* text = std::getenv(kPjrtDevices);
  if (text == nullptr || *text == '\0') return 1;
  const std::string_view given = text;
  int devices = 0;
  const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), devices);
  if (error != std::errc() || end != given.data() + given.size() || devices < 1 ||
      devices > kMostPjrtDevices) {
    return invalid_argument(
        fmt::format("{}={}; it must be 1 to {}", kPjrtDevices, given, kMostPjrtDevices));
  }
  return devices;
}

// Work on a device ends in threads of its library, which need the loader's lock now and then;
// dlclose holds it while it takes objects down and would wait for that work for ever.
void stay_loaded() {
  Dl_info here{};
  if (dladdr(reinterpret_cast<const void*>(&stay_loaded), &here) != 0) {
    // Fails where this is no library but the program itself, which stays anyhow.
    (void)dlopen(here.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
  }
}

Accelerator make(std::shared_ptr<backend::xla::Runtime> runtime, int cores_per_device) {
  GemmDeviceOptions options;
  options.cores_per_device = cores_per_device;
  stay_loaded();
  Accelerator accelerator;
  accelerator.name = runtime->description();
  accelerator.device = std::make_shared<GemmDevice>(std::move(runtime), options);
  return accelerator;
}

// A product of one row and one column. A plugin makes much of what it needs when it first compiles
// and executes.
Status warm_up(GemmDevice& device) {
  const auto zeros = [](int64_t, int64_t, uint16_t* out) {
    std::fill_n(out, backend::xla::kPanelDepth * backend::xla::kPanelRows, uint16_t{0});
  };
  ThreadPool pool(1);
  IX_ASSIGN_OR_RETURN(const auto weights,
                      device.upload(1, backend::xla::kPanelDepth, 1, zeros, pool));
  const std::vector<uint16_t> b(backend::xla::kPanelDepth);
  float c = 0;
  const backend::GemmOperands operands = {b.data(), &c};
  return device.multiply(*weights, {1, 1, 1, false}, {&operands, 1});
}

}  // namespace

Result<Accelerator> open_pjrt(const std::string& path) {
  if (path.empty()) {
    return invalid_argument("give the path of a PJRT plugin's shared library after pjrt:");
  }
  IX_ASSIGN_OR_RETURN(const int devices, pjrt_devices());
  auto runtime = pjrt::PjrtRuntime::open({path, devices});
  if (!runtime.ok()) {
    return Status(
        runtime.status().code(),
        fmt::format("{}; give the path of a PJRT plugin's shared library after pjrt:, and "
                    "in {} at most as many devices as it has",
                    runtime.status().message(), kPjrtDevices));
  }
  Accelerator accelerator = make(std::move(runtime).value(), 1);
  IX_RETURN_IF_ERROR(warm_up(*accelerator.device));
  accelerator.name = fmt::format("PJRT ({}, {})", accelerator.name, path);
  return accelerator;
}

Result<Accelerator> open_neuron() {
  IX_ASSIGN_OR_RETURN(auto runtime, neuron::NeuronRuntime::open({}));
  // Cores of one chip share its memory. A lone core of a chip makes each a device of its own.
  const int per_device = runtime->ranks() % kCoresOfAChip == 0 ? kCoresOfAChip : 1;
  Accelerator accelerator = make(std::move(runtime), per_device);
  accelerator.name = fmt::format("Neuron ({})", accelerator.name);
  return accelerator;
}

bool neuron_device_present() { return access("/dev/neuron0", F_OK) == 0; }

Status after_use(const GemmDevice& device, Status status) {
  static std::atomic<int64_t> programs = 0;
  const int64_t now = device.programs();
  if (programs.exchange(now) != now) Runtime::get().end_first();
  return status;
}

}  // namespace ix::capi
