#include "gguf/split_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace ix::gguf {

std::optional<SplitName> parse_split_name(std::string_view path) {
  // "-00001-of-00003.gguf"
  constexpr size_t kDigits = 5;
  constexpr std::string_view kMiddle = "-of-";
  constexpr std::string_view kEnd = ".gguf";
  constexpr size_t kTail = 1 + kDigits + kMiddle.size() + kDigits + kEnd.size();
  if (path.size() <= kTail) return std::nullopt;
  const std::string_view tail = path.substr(path.size() - kTail);
  const std::string_view part = tail.substr(1, kDigits);
  const std::string_view count = tail.substr(1 + kDigits + kMiddle.size(), kDigits);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (tail[0] != '-' || tail.substr(1 + kDigits, kMiddle.size()) != kMiddle ||
      !tail.ends_with(kEnd) || !std::all_of(part.begin(), part.end(), is_digit) ||
      !std::all_of(count.begin(), count.end(), is_digit)) {
    return std::nullopt;
  }
  SplitName name;
  name.prefix = path.substr(0, path.size() - kTail);
  std::from_chars(part.data(), part.data() + part.size(), name.part);
  std::from_chars(count.data(), count.data() + count.size(), name.count);
  if (name.part < 1 || name.part > name.count) return std::nullopt;
  return name;
}

std::string split_path(std::string_view prefix, int64_t part, int64_t count) {
  return fmt::format("{}-{:05}-of-{:05}.gguf", prefix, part, count);
}

}  // namespace ix::gguf
