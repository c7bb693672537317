// `ix inspect`: what is in a file, and whether it would run.
#pragma once

#include "command_line.h"

namespace ix::cli {

void add_inspect_command(CLI::App& app, Action& action);

}  // namespace ix::cli
