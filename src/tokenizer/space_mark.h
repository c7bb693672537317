// SPM writes a space as U+2581 (▁).
#pragma once

#include <string_view>

namespace ix::tokenizer {

inline constexpr std::string_view kSpaceMark = "\xE2\x96\x81";

}  // namespace ix::tokenizer
