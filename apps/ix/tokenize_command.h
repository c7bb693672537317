// `ix tokenize` and `ix detokenize`.
#pragma once

#include "command.h"

namespace ix::cli {

void add_tokenize_command(const Command& app);
void add_detokenize_command(const Command& app);

}  // namespace ix::cli
