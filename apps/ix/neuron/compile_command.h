#pragma once

#include "command_line.h"

namespace ix::cli {

// `ix compile`: a model's programs for NeuronCores, ahead of a run.
void add_compile_command(CLI::App& app, Action& action);

}  // namespace ix::cli
