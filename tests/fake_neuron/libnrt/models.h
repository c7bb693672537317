// What execution needs of loaded programs.
#pragma once

#include "fake_neuron/libnrt/state.h"

namespace ix::fake_nrt {

// Aborts for what was never loaded or has been unloaded. Under the state's mutex.
FakeModel* known_model(const backend::neuron::nrt::Model* model);

// Waits for the other ranks' loads, for ever where they do not come.
StatusValue meet_for_load(int rank, int ranks, const std::string& neff_hash);

}  // namespace ix::fake_nrt
