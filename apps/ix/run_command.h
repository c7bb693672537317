// `ix run`: one answer, or a chat in the terminal.
#pragma once

#include "command_line.h"

namespace ix::cli {

void add_run_command(CLI::App& app, Action& action);

}  // namespace ix::cli
