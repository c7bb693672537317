// `ix synth`: model files of random weights.
#pragma once

#include "command_line.h"

namespace ix::cli {

void add_synth_command(CLI::App& app, Action& action);

}  // namespace ix::cli
