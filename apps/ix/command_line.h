// The command line as a whole: parsing, and errors that say what to type instead.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace ix::cli {

// What the chosen command does; returns the exit code.
using Action = std::function<int()>;

// Registers a command: flags, help, and an action that is set when it was chosen.
using AddCommand = void (*)(CLI::App& app, Action& action);

// Parses and runs. Every error is one line on stderr.
int run_command_line(std::vector<std::string> arguments, const std::vector<AddCommand>& commands);

}  // namespace ix::cli
