// The oracle: every op in float32 straight from the graph, weights dequantised row by row, nothing
// packed. Slow, short, and what every other backend is held against. Serves `--precise`.
#pragma once

#include <memory>

#include "backend/executor.h"

namespace ix::backend {

// decoder and weights must outlive the executor.
Result<std::unique_ptr<Executor>> open_reference(const graph::Decoder& decoder,
                                                 const quant::WeightSource& weights,
                                                 const ExecutorOptions& options);

}  // namespace ix::backend
