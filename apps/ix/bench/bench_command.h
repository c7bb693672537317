// `ix bench`: speed of a model; `ix bench gemm`: speed of matrix products.
#pragma once

#include "command.h"

namespace ix::cli {

void add_bench_command(const Command& app);

}  // namespace ix::cli
