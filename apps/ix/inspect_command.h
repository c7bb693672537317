// `ix inspect`: what is in a file, and whether it would run.
#pragma once

#include "command.h"

namespace ix::cli {

void add_inspect_command(const Command& app);

}  // namespace ix::cli
