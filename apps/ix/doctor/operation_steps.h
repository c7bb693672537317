// Steps that try every signature of the list, a family at a time.
#pragma once

#include <vector>

#include "doctor/step.h"

namespace ix::cli::doctor {

// With a step before each that compiles, where the compiler is apart from the device.
std::vector<Step> operation_steps(bool compiles_apart);

}  // namespace ix::cli::doctor
