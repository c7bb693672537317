// Products of packed weights with activations of 8 bits, as models multiply.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "bench/gemm_products.h"

namespace ix::cli {

// One kind a type: "q4_K", in any case; every type that can be packed where no names are given.
// invalid_argument for another name.
Result<std::vector<GemmKind>> packed_kinds(const std::vector<std::string>& types);

}  // namespace ix::cli
