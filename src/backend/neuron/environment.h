// Variables that libnrt reads when it starts.
#pragma once

#include <chrono>

#include "base/result.h"

namespace ix::backend::neuron {

// Sets what is not set: NEURON_RT_ROOT_COMM_ID (a free port of the loopback address, where there
// may be more than one rank) and NEURON_RT_EXEC_TIMEOUT. Before nrt_init, while no other thread
// reads the environment. `ranks` = 0 is every visible core.
Status prepare_environment(int ranks, std::chrono::seconds execution_timeout);

// Chooses so many cores by NEURON_RT_NUM_CORES, until the scope ends, so that other processes keep
// the rest; nothing where `ranks` is 0 or a variable chooses already.
class ChosenCores {
 public:
  explicit ChosenCores(int ranks);
  ChosenCores(const ChosenCores&) = delete;
  ChosenCores& operator=(const ChosenCores&) = delete;
  ~ChosenCores();

 private:
  bool set_ = false;
};

// NEURON_RT_EXEC_TIMEOUT as libnrt will read it.
std::chrono::seconds execution_timeout();

}  // namespace ix::backend::neuron
