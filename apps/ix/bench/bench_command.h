// `ix bench`: speed of a model; `ix bench gemm`: speed of matrix products.
#pragma once

#include "command_line.h"

namespace ix::cli {

void add_bench_command(CLI::App& app, Action& action);

}  // namespace ix::cli
