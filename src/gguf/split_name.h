// Names of the parts of a split model: NAME-00001-of-00003.gguf.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ix::gguf {

struct SplitName {
  std::string prefix;  // with its directories, without the dash before the number
  int64_t part = 0;    // from 1
  int64_t count = 0;
};

// Nothing when path is not the name of a part.
std::optional<SplitName> parse_split_name(std::string_view path);

// The path of part `part` (from 1) of `count`.
std::string split_path(std::string_view prefix, int64_t part, int64_t count);

}  // namespace ix::gguf
