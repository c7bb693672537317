// `ix doctor`: what this machine has; whether a device does what models need.
#pragma once

#include "command_line.h"

namespace ix::cli {

void add_doctor_command(CLI::App& app, Action& action);

}  // namespace ix::cli
