// `ix doctor`: what this machine has; whether a device does what models need.
#pragma once

#include "command.h"

namespace ix::cli {

void add_doctor_command(const Command& app);

}  // namespace ix::cli
