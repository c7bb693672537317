// `ix tokenize` and `ix detokenize`.
#pragma once

#include "command_line.h"

namespace ix::cli {

void add_tokenize_command(CLI::App& app, Action& action);
void add_detokenize_command(CLI::App& app, Action& action);

}  // namespace ix::cli
