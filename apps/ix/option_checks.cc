#include "option_checks.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string_view>

namespace ix::cli {
namespace {

// The number that the whole text is, where it is in [low, high].
template <typename Number>
std::optional<Number> parse_number(std::string_view text, Number low, Number high) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stop == end && value >= low && value <= high) return value;
  return std::nullopt;
}

std::string refusal(std::string_view flag, std::string_view text, std::string_view allowed) {
  return fmt::format("{} is '{}', but must be {}", flag, text, allowed);
}

template <typename Number>
Check number_check(const std::string& flag, Number low, Number high, const std::string& allowed) {
  return [=](const std::string& text) {
    return parse_number(text, low, high) ? std::string() : refusal(flag, text, allowed);
  };
}

}  // namespace

Check whole_number(const std::string& flag, int64_t low, int64_t high, const std::string& allowed) {
  return number_check<int64_t>(flag, low, high, allowed);
}

Check whole_numbers(const std::string& flag, int64_t low, int64_t high,
                    const std::string& allowed) {
  return [=](const std::string& text) -> std::string {
    for (const std::string& word : split_lists({&text, 1})) {
      if (!parse_number(word, low, high)) return refusal(flag, text, allowed);
    }
    return {};
  };
}

std::vector<int64_t> parse_whole_numbers(std::span<const std::string> texts) {
  std::vector<int64_t> out;
  for (const std::string& word : split_lists(texts)) {
    constexpr auto kLimits = std::numeric_limits<int64_t>();
    out.push_back(parse_number(word, kLimits.min(), kLimits.max()).value_or(0));
  }
  return out;
}

std::vector<std::string> split_lists(std::span<const std::string> texts) {
  std::vector<std::string> out;
  for (const std::string& text : texts) {
    size_t begin = 0;
    for (size_t comma = 0; comma != std::string::npos; begin = comma + 1) {
      comma = text.find(',', begin);
      out.push_back(text.substr(begin, comma == std::string::npos ? comma : comma - begin));
    }
  }
  return out;
}

Check real_number(const std::string& flag, double low, double high, const std::string& allowed) {
  return number_check<double>(flag, low, high, allowed);
}

}  // namespace ix::cli
