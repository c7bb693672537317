// The Neuron driver of the kernel that runs.
#pragma once

#include <string>

#include "base/result.h"

namespace ix::cli::doctor {

// What the loaded module says of itself: IX_NEURON_DRIVER names the file, which is
// /sys/module/neuron/version where that is not set. not_found where there is none.
Result<std::string> loaded_driver_version();

// unsupported where AWS's release notes say that the two do not go together. Versions are numbers
// with dots; one that is not known is let pass.
Status check_driver(const std::string& driver, const std::string& libnrt);

}  // namespace ix::cli::doctor
