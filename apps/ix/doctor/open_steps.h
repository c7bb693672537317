// Steps that find the libraries and open the device.
#pragma once

#include <vector>

#include "doctor/step.h"

namespace ix::cli::doctor {

std::vector<Step> neuron_open_steps();
std::vector<Step> xla_open_steps();

}  // namespace ix::cli::doctor
