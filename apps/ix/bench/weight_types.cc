#include "bench/weight_types.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace ix::cli {
namespace {

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

Result<std::vector<quant::TensorType>> parse_types(std::span<const std::string> names,
                                                   std::span<const quant::TensorType> known,
                                                   std::string_view allowed) {
  if (names.empty()) return std::vector<quant::TensorType>(known.begin(), known.end());
  std::vector<quant::TensorType> out;
  for (const std::string& name : names) {
    const auto it = std::ranges::find_if(known, [&](quant::TensorType type) {
      return lower(quant::type_name(type)) == lower(name);
    });
    if (it == known.end()) {
      return invalid_argument(fmt::format("--type is '{}', but must be {}", name, allowed));
    }
    out.push_back(*it);
  }
  return out;
}

}  // namespace ix::cli
