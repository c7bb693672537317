// `ix synth`: model files of random weights.
#pragma once

#include "command.h"

namespace ix::cli {

void add_synth_command(const Command& app);

}  // namespace ix::cli
