// Programs that neuronx-cc refuses for inf2, at least three for each reason, and what code it
// gives.
#pragma once

#include <string>
#include <vector>

namespace ix::fake_neuron {

struct RefusedModule {
  std::string name;
  std::string code;  // "NCC_EVRF022"
  std::string hlo;   // serialised HloModuleProto
};

std::vector<RefusedModule> refused_modules();

}  // namespace ix::fake_neuron
