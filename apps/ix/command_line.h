// The command line as a whole: parsing, and errors that say what to type instead.
#pragma once

#include <string>
#include <vector>

#include "command.h"

namespace ix::cli {

// Registers a command: flags, help and action.
using AddCommand = void (*)(const Command& app);

// Parses and runs. Every error is one line on stderr.
int run_command_line(std::vector<std::string> arguments, const std::vector<AddCommand>& commands);

}  // namespace ix::cli
