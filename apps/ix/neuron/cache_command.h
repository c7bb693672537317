#pragma once

#include "command.h"

namespace ix::cli {

// `ix cache list|verify|prune|export|import`: compiled programs on disk.
void add_cache_command(const Command& app);

}  // namespace ix::cli
