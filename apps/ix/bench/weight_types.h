// The types that --type names.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "quant/tensor_type.h"

namespace ix::cli {

// Those of `known` that are named, in any case ("q4_K"); all of them where no names are given.
// invalid_argument for another name; allowed says in words what it must be.
Result<std::vector<quant::TensorType>> parse_types(std::span<const std::string> names,
                                                   std::span<const quant::TensorType> known,
                                                   std::string_view allowed);

}  // namespace ix::cli
