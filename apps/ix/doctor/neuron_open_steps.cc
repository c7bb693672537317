#include <fmt/format.h>

#include "backend/neuron/nrt/nrt_library.h"
#include "doctor/compile_step.h"
#include "doctor/device_under_test.h"
#include "doctor/driver_version.h"
#include "doctor/open_steps.h"

namespace ix::cli::doctor {
namespace {

namespace neuron = backend::neuron;

StepResult find_library(DeviceUnderTest& device) {
  const auto library = neuron::nrt::Library::load();
  if (!library.ok()) return StepResult::failed(library.status());
  device.versions["libnrt"] = (*library)->version_text();
  return StepResult::passed((*library)->version_text());
}

StepResult find_driver(DeviceUnderTest& device) {
  const Result<std::string> version = loaded_driver_version();
  if (!version.ok()) return StepResult::failed(version.status());
  device.versions["driver"] = *version;
  const Status fits = check_driver(*version, device.versions["libnrt"]);
  return fits.ok() ? StepResult::passed(*version) : StepResult::failed(fits);
}

StepResult find_compiler(DeviceUnderTest& device) {
  auto store = neuron::NeffStore::open({}, device.compiler_options());
  if (!store.ok()) return StepResult::failed(store.status());
  device.store = *std::move(store);
  const auto version = device.store->compiler_version();
  if (!version.ok()) return StepResult::failed(version.status());
  device.versions["neuronx-cc"] = *version;
  return StepResult::passed(*version);
}

// Family and size of the instance as numbers, where the library tells them.
Json instance_details(DeviceUnderTest& device) {
  Json details{{"cores", device.ranks()}};
  const auto library = neuron::nrt::Library::load();
  if (!library.ok() || (*library)->functions().get_instance_info == nullptr) return details;
  neuron::nrt::InstanceInfo info{};
  const auto answer = (*library)->functions().get_instance_info(&info, sizeof(info));
  if (answer != neuron::nrt::kSuccess) return details;
  details["instance_family"] = info.family;
  details["instance_size"] = info.size;
  return details;
}

StepResult claim(DeviceUnderTest& device) {
  neuron::NeuronOptions options;
  options.ranks = device.options().ranks;
  options.compiler = device.compiler_options();
  auto runtime = neuron::NeuronRuntime::open(options);
  if (!runtime.ok()) return StepResult::failed(runtime.status());
  device.runtime = *std::move(runtime);
  return StepResult::passed(device.runtime->description(), instance_details(device));
}

}  // namespace

std::vector<Step> neuron_open_steps() {
  using std::chrono::seconds;
  return {
      {"libnrt",
       "runtime library",
       "libnrt 2.30.50 or a later 2.x",
       "install aws-neuronx-runtime-lib, or set IX_LIBNRT",
       seconds(30),
       {},
       find_library},
      {"driver",
       "driver",
       "a loaded driver that libnrt goes with",
       "install aws-neuronx-dkms of the SDK that libnrt is from, and load it (modprobe neuron)",
       seconds(10),
       {},
       find_driver},
      {"compiler",
       "compiler",
       "neuronx-cc",
       "install the package neuronx-cc, set IX_NEURONX_CC, or bring a cache (IX_NEURON_CACHE)",
       seconds(180),
       {},
       find_compiler},
      {kOpenStep,
       "claim of cores",
       "the visible cores, which no other process holds",
       "load the driver, pass /dev/neuron* to a container, see which process holds the cores "
       "(neuron-ls)",
       seconds(180),
       {"libnrt"},
       claim},
  };
}

}  // namespace ix::cli::doctor
