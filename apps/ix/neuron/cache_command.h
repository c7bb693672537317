#pragma once

#include "command_line.h"

namespace ix::cli {

// `ix cache list|verify|prune|export|import`: compiled programs on disk.
void add_cache_command(CLI::App& app, Action& action);

}  // namespace ix::cli
