// `ix run`: one answer, or a chat in the terminal.
#pragma once

#include "command.h"

namespace ix::cli {

void add_run_command(const Command& app);

}  // namespace ix::cli
