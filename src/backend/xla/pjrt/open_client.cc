#include "backend/xla/pjrt/open_client.h"

#include <fmt/format.h>

#include <numeric>

namespace ix::backend::xla::pjrt {
namespace {

constexpr const char* kCpuDeviceCount = "cpu_device_count";

// XLA's GPU client takes most of the memory at once and all devices unless told otherwise.
std::vector<ClientOption> gpu_options(int devices) {
  std::vector<int64_t> visible(static_cast<size_t>(devices));
  std::iota(visible.begin(), visible.end(), 0);
  return {{"preallocate", false}, {"visible_devices", std::move(visible)}};
}

// A plugin that checks names says which it does not know, before it looks for devices.
bool refuses(const Status& status, const char* option) {
  return status.code() == StatusCode::invalid_argument &&
         status.message().find(option) != std::string::npos;
}

// Which options a plugin has is told by none of its functions but the one that makes a client, and
// the platform's name only by a client: so the names are tried. CPU plugins know the first;
// plugins that ignore what they do not know take it too.
Result<std::unique_ptr<Client>> create(const Plugin& plugin, int devices) {
  const ClientOption cpu[] = {{kCpuDeviceCount, static_cast<int64_t>(devices)}};
  auto client = Client::create(plugin, cpu);
  if (client.ok() || !refuses(client.status(), kCpuDeviceCount)) return client;
  client = Client::create(plugin, gpu_options(devices));
  if (client.ok() ||
      (!refuses(client.status(), "preallocate") && !refuses(client.status(), "visible_devices"))) {
    return client;
  }
  return Client::create(plugin, {});
}

}  // namespace

Result<std::unique_ptr<Client>> open_client(const Plugin& plugin, int devices) {
  if (devices < 1) return invalid_argument(fmt::format("{} devices; at least 1", devices));
  auto client = create(plugin, devices);
  if (!client.ok()) return client.status().with_context(plugin.path());
  const size_t found = (*client)->devices().size();
  if (found < static_cast<size_t>(devices)) {
    return not_found(fmt::format("{}: {} devices asked for, platform {} has {}", plugin.path(),
                                 devices, (*client)->platform(), found));
  }
  return client;
}

}  // namespace ix::backend::xla::pjrt
