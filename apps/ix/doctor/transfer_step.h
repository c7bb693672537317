// How fast bytes go to a device and come back.
#pragma once

#include "doctor/step.h"

namespace ix::cli::doctor {

Step transfer_step();

}  // namespace ix::cli::doctor
