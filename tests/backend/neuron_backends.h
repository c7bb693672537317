// The Neuron backend on the fake compiler and the fake libnrt. A process that used it checks at its
// end that nothing was left on the device and that the library had nothing to complain of.
#pragma once

#include <string>
#include <vector>

#include "backend/backends.h"
#include "backend/xla/xla_model.h"

namespace ix::testing {

// On the first `ranks` of 24 cores. What was loaded last of a model of small_models() serves the
// executors that follow.
Backend neuron_backend(const std::string& name, int ranks, const backend::xla::XlaOptions& options);

std::vector<Backend> neuron_backends();

}  // namespace ix::testing
