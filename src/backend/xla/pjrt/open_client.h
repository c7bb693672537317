// A client with a given number of devices, whatever the plugin.
#pragma once

#include <memory>

#include "backend/xla/pjrt/client.h"

namespace ix::backend::xla::pjrt {

// CPU plugins make as many devices as they are asked for; of others the first `devices` are used,
// which must be there (not_found).
Result<std::unique_ptr<Client>> open_client(const Plugin& plugin, int devices);

}  // namespace ix::backend::xla::pjrt
