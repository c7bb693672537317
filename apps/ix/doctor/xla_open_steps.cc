#include <fmt/format.h>

#include "backend/xla/pjrt/pjrt_runtime.h"
#include "backend/xla/pjrt/plugin.h"
#include "doctor/compile_step.h"
#include "doctor/device_under_test.h"
#include "doctor/open_steps.h"

namespace ix::cli::doctor {
namespace {

namespace pjrt = backend::xla::pjrt;

StepResult load_plugin(DeviceUnderTest& device) {
  const auto plugin = pjrt::Plugin::load(device.options().plugin);
  if (!plugin.ok()) return StepResult::failed(plugin.status());
  const std::string version =
      fmt::format("{}.{}", (*plugin)->version_major(), (*plugin)->version_minor());
  device.versions["pjrt"] = version;
  return StepResult::passed("PJRT " + version);
}

// Two devices where the plugin has them, so that the steps between devices run.
StepResult open(DeviceUnderTest& device) {
  const int asked = device.options().ranks;
  pjrt::PjrtOptions options{.plugin = device.options().plugin, .devices = asked > 0 ? asked : 2};
  auto runtime = pjrt::PjrtRuntime::open(options);
  if (asked == 0 && runtime.status().code() == StatusCode::not_found) {
    options.devices = 1;
    runtime = pjrt::PjrtRuntime::open(options);
  }
  if (!runtime.ok()) return StepResult::failed(runtime.status());
  device.runtime = *std::move(runtime);
  return StepResult::passed(device.runtime->description(), {{"cores", device.ranks()}});
}

}  // namespace

std::vector<Step> xla_open_steps() {
  using std::chrono::seconds;
  return {
      {"plugin",
       "plugin",
       "a PJRT plugin of a version that can be used",
       "install another plugin, or set IX_PJRT_PLUGIN",
       seconds(60),
       {},
       load_plugin},
      {kOpenStep,
       "devices",
       "as many devices as --tp says",
       "ask for fewer devices (--tp)",
       seconds(60),
       {"plugin"},
       open},
  };
}

}  // namespace ix::cli::doctor
