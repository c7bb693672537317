// One formatted field: sign, width, precision, grouping, as in Python's format().
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "chat/runtime.h"
#include "chat/value.h"

namespace ix::chat::jinja {

struct FormatSpec {
  std::string fill = " ";
  char align = 0;  // '<', '>', '^', '=' or 0 for the type's own
  char sign = '-';
  bool alternate = false;
  bool zero_padded = false;
  size_t width = 0;
  char grouping = 0;  // ',' or '_'
  std::optional<int> precision;
  char type = 0;
};

FormatSpec parse_format_spec(std::string_view spec);
std::string format_value(Runtime& runtime, const Value& value, const FormatSpec& spec);
std::string format_text(Runtime& runtime, std::string_view text, const FormatSpec& spec);
std::string format_integer(Runtime& runtime, int64_t number, const FormatSpec& spec);
std::string format_real(Runtime& runtime, double number, const FormatSpec& spec);
// Decimal number in a format; fails where it is absurdly large.
size_t parse_format_number(std::string_view text, size_t& position);

}  // namespace ix::chat::jinja
