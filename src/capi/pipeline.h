// Independent products, run side by side on streams of their own.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "capi/gemm.h"

namespace ix::capi {

// Product i runs on stream i mod n_streams; returns when all have ended, with the first failure in
// the order of streams. On an accelerator products with one A have it there once, as long as one of
// them needs it. n_streams >= 1.
Status run_pipeline(Machine& machine, const std::vector<GemmWork>& products, int64_t n_streams);

}  // namespace ix::capi
