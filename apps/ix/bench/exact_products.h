// The exact product Q4_K × FP16 → FP32 (backend/cpu/gemm_exact.h), as the C API's exact mode has
// it.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "bench/gemm_products.h"

namespace ix::cli {

// Weights as blocks, dequantised within the product, and as halves that were dequantised before.
// invalid_argument for a type other than Q4_K.
Result<std::vector<GemmKind>> exact_kinds(const std::vector<std::string>& types);

}  // namespace ix::cli
