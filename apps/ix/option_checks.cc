#include "option_checks.h"

#include <fmt/format.h>

#include <charconv>

namespace ix::cli {
namespace {

template <typename Number>
CLI::Validator number_check(std::string flag, Number low, Number high, std::string allowed) {
  return CLI::Validator(
      [=](std::string& text) -> std::string {
        Number value{};
        const char* end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data(), end, value);
        if (error == std::errc() && stop == end && value >= low && value <= high) return {};
        return fmt::format("{} is '{}', but must be {}", flag, text, allowed);
      },
      "");
}

}  // namespace

CLI::Validator whole_number(std::string flag, int64_t low, int64_t high, std::string allowed) {
  return number_check<int64_t>(std::move(flag), low, high, std::move(allowed));
}

CLI::Validator real_number(std::string flag, double low, double high, std::string allowed) {
  return number_check<double>(std::move(flag), low, high, std::move(allowed));
}

}  // namespace ix::cli
