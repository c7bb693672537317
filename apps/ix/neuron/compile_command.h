#pragma once

#include "command.h"

namespace ix::cli {

// `ix compile`: a model's programs for NeuronCores, ahead of a run.
void add_compile_command(const Command& app);

}  // namespace ix::cli
