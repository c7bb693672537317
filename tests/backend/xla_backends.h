// The XLA backend on the CPU plugins that tests install.
#pragma once

#include <string>
#include <vector>

#include "backend/backends.h"
#include "backend/xla/xla_model.h"

namespace ix::testing {

// One device a rank. Models stay loaded: programs and weights serve every executor of a process.
Backend xla_backend(const std::string& name, const std::string& plugin, int ranks,
                    const backend::xla::XlaOptions& options);

std::vector<Backend> xla_backends();

}  // namespace ix::testing
