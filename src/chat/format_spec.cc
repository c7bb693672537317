#include "chat/format_spec.h"

#include <fmt/format.h>

#include <cmath>

#include "chat/printing.h"
#include "chat/text.h"

namespace ix::chat::jinja {
namespace {

constexpr int kMaxPrecision = 1000;  // more digits than any double has
constexpr size_t kMaxWidth = 1 << 24;

bool is_align(char c) { return c == '<' || c == '>' || c == '^' || c == '='; }

std::string pad(Runtime& runtime, std::string_view sign, std::string_view body,
                const FormatSpec& spec, char own_align) {
  const size_t length = sign.size() + count_code_points(body);
  const size_t missing = spec.width > length ? spec.width - length : 0;
  const char align = spec.align != 0 ? spec.align : own_align;
  size_t left = 0;
  if (align == '>') left = missing;
  if (align == '^') left = missing / 2;
  TextBuffer out(runtime);
  for (size_t i = 0; i < left; ++i) out.append(spec.fill);
  out.append(sign);
  if (align == '=') {
    for (size_t i = 0; i < missing; ++i) out.append(spec.fill);
  }
  out.append(body);
  if (align == '<' || align == '^') {
    for (size_t i = left; i < missing; ++i) out.append(spec.fill);
  }
  return out.release();
}

std::string group_digits(std::string_view digits, char separator, size_t every) {
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % every == 0) out += separator;
    out += digits[i];
  }
  return out;
}

std::string_view sign_of(bool negative, char mode) {
  if (negative) return "-";
  if (mode == '+') return "+";
  return mode == ' ' ? " " : "";
}

// Grouping, zero padding and alignment of a number's text.
std::string finish_number(Runtime& runtime, const std::string& sign, std::string body,
                          const FormatSpec& spec, size_t group_every = 3) {
  size_t digits = 0;
  while (digits < body.size() && std::isxdigit(static_cast<unsigned char>(body[digits])) != 0 &&
         !(group_every == 3 && std::isdigit(static_cast<unsigned char>(body[digits])) == 0)) {
    ++digits;
  }
  if (spec.zero_padded && spec.align == 0) {
    std::string rest = body.substr(digits);
    std::string whole = body.substr(0, digits);
    auto shown = [&] {
      return spec.grouping != 0 ? group_digits(whole, spec.grouping, group_every) : whole;
    };
    size_t fixed = sign.size() + rest.size();
    runtime.require(spec.width * 2);
    if (spec.grouping == 0) {
      if (fixed + whole.size() < spec.width) {
        whole.insert(0, spec.width - fixed - whole.size(), '0');
      }
    } else {
      runtime.step_bytes(spec.width * spec.width);
      while (fixed + shown().size() < spec.width) whole.insert(whole.begin(), '0');
    }
    return sign + shown() + rest;
  }
  if (spec.grouping != 0) {
    body = group_digits(std::string_view(body).substr(0, digits), spec.grouping, group_every) +
           body.substr(digits);
  }
  return pad(runtime, sign, body, spec, '>');
}

std::string magnitude_text(uint64_t magnitude, char type) {
  switch (type) {
    case 'b':
      return fmt::format("{:b}", magnitude);
    case 'o':
      return fmt::format("{:o}", magnitude);
    case 'x':
      return fmt::format("{:x}", magnitude);
    case 'X':
      return fmt::format("{:X}", magnitude);
    default:
      return fmt::format("{}", magnitude);
  }
}

std::string real_digits(double magnitude, const FormatSpec& spec) {
  const int precision = spec.precision.value_or(6);
  switch (spec.type) {
    case 'e':
      return spec.alternate ? fmt::format("{:#.{}e}", magnitude, precision)
                            : fmt::format("{:.{}e}", magnitude, precision);
    case 'E':
      return fmt::format("{:.{}E}", magnitude, precision);
    case 'f':
    case 'F':
      return spec.alternate ? fmt::format("{:#.{}f}", magnitude, precision)
                            : fmt::format("{:.{}f}", magnitude, precision);
    case '%':
      return fmt::format("{:.{}f}%", magnitude * 100, precision);
    case 'g':
    case 'n':
      return spec.alternate ? fmt::format("{:#.{}g}", magnitude, std::max(precision, 1))
                            : fmt::format("{:.{}g}", magnitude, std::max(precision, 1));
    case 'G':
      return fmt::format("{:.{}G}", magnitude, std::max(precision, 1));
    default:
      break;
  }
  if (!spec.precision) return real_text(magnitude);
  // No type: like g, but with at least one digit after the point, and one digit less before the
  // exponent is used.
  int digits = std::max(precision, 1);
  int exponent = 0;
  if (magnitude != 0) {
    std::string shown = fmt::format("{:.{}e}", magnitude, digits - 1);
    exponent = std::stoi(shown.substr(shown.find('e') + 1));
  }
  std::string text = fmt::format("{:.{}g}", magnitude, digits);
  if (exponent >= -4 && exponent < digits && exponent == digits - 1) {
    text = fmt::format("{:.{}e}", magnitude, digits - 1);
    size_t mark = text.find('e');
    std::string mantissa = text.substr(0, mark);
    if (mantissa.find('.') != std::string::npos) {
      while (mantissa.back() == '0') mantissa.pop_back();
      if (mantissa.back() == '.') mantissa.pop_back();
    }
    return mantissa + text.substr(mark);
  }
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

}  // namespace

size_t parse_format_number(std::string_view text, size_t& position) {
  size_t number = 0;
  while (position < text.size() && text[position] >= '0' && text[position] <= '9') {
    number = number * 10 + static_cast<size_t>(text[position++] - '0');
    if (number > kMaxWidth) fail_exhausted("a width or precision in a format is too large");
  }
  return number;
}

FormatSpec parse_format_spec(std::string_view spec) {
  FormatSpec parsed;
  size_t i = 0;
  auto at = [&](size_t k) { return k < spec.size() ? spec[k] : '\0'; };
  size_t first = spec.empty() ? 0 : decode_at(spec, 0).length;
  if (is_align(at(first)) && !spec.empty()) {
    parsed.fill = std::string(spec.substr(0, first));
    parsed.align = spec[first];
    i = first + 1;
  } else if (is_align(at(0))) {
    parsed.align = spec[0];
    i = 1;
  }
  if (at(i) == '+' || at(i) == '-' || at(i) == ' ') parsed.sign = spec[i++];
  if (at(i) == '#') parsed.alternate = ++i > 0;
  if (at(i) == '0') parsed.zero_padded = ++i > 0;
  parsed.width = parse_format_number(spec, i);
  if (at(i) == ',' || at(i) == '_') parsed.grouping = spec[i++];
  if (at(i) == '.') {
    ++i;
    if (at(i) < '0' || at(i) > '9') fail("Format specifier missing precision");
    parsed.precision = static_cast<int>(parse_format_number(spec, i));
  }
  if (i < spec.size()) parsed.type = spec[i++];
  if (i != spec.size()) fail(fmt::format("Invalid format specifier '{}'", spec));
  return parsed;
}

std::string format_text(Runtime& runtime, std::string_view text, const FormatSpec& spec) {
  if (spec.align == '=') fail("'=' alignment not allowed in string format specifier");
  if (spec.precision) {
    text = text.substr(0, byte_offset(text, static_cast<size_t>(*spec.precision)));
  }
  FormatSpec padded = spec;
  if (spec.zero_padded && spec.align == 0) padded.fill.assign(1, '0');
  return pad(runtime, "", text, padded, '<');
}

std::string format_integer(Runtime& runtime, int64_t number, const FormatSpec& spec) {
  if (spec.type == 'c') {
    if (number < 0 || number > 0x10FFFF) fail("%c arg not in range(0x110000)");
    std::string character;
    append_code_point(character, static_cast<char32_t>(number));
    return pad(runtime, "", character, spec, '<');
  }
  if (std::string_view("eEfFgG%").find(spec.type) != std::string_view::npos && spec.type != 0) {
    return format_real(runtime, static_cast<double>(number), spec);
  }
  if (spec.type != 0 && std::string_view("bdnoxX").find(spec.type) == std::string_view::npos) {
    fail(fmt::format("Unknown format code '{}' for object of type 'int'", spec.type));
  }
  const bool negative = number < 0;
  uint64_t magnitude = negative ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
  std::string digits = magnitude_text(magnitude, spec.type);
  if (spec.precision) {
    const auto wanted = static_cast<size_t>(std::min(*spec.precision, kMaxPrecision));
    if (digits.size() < wanted) digits.insert(0, wanted - digits.size(), '0');
  }
  std::string sign(sign_of(negative, spec.sign));
  const bool based = spec.type == 'b' || spec.type == 'o' || spec.type == 'x' || spec.type == 'X';
  if (spec.alternate && based) {
    sign += '0';
    sign += spec.type;
  }
  return finish_number(runtime, sign, std::move(digits), spec, based ? 4 : 3);
}

std::string format_real(Runtime& runtime, double number, const FormatSpec& spec) {
  if (spec.type != 0 && std::string_view("eEfFgGn%").find(spec.type) == std::string_view::npos) {
    fail(fmt::format("Unknown format code '{}' for object of type 'float'", spec.type));
  }
  if (spec.precision.value_or(0) > kMaxPrecision) {
    fail_exhausted(fmt::format("a precision of more than {} digits", kMaxPrecision));
  }
  std::string sign(sign_of(std::signbit(number) && !std::isnan(number), spec.sign));
  const double magnitude = std::abs(number);
  std::string body;
  if (std::isfinite(number)) {
    body = real_digits(magnitude, spec);
  } else {
    body = std::isnan(number) ? "nan" : "inf";
    if (spec.type == 'E' || spec.type == 'F' || spec.type == 'G') body = to_upper(body);
    if (spec.type == '%') body += '%';
  }
  return finish_number(runtime, sign, std::move(body), spec);
}

std::string format_value(Runtime& runtime, const Value& value, const FormatSpec& spec) {
  switch (value.kind()) {
    case Kind::boolean:
      if (spec.type == 0 && spec.width == 0) return to_text(runtime, value);
      [[fallthrough]];
    case Kind::integer:
      return format_integer(runtime, value.as_integer(), spec);
    case Kind::real:
      return format_real(runtime, value.as_real(), spec);
    case Kind::string:
      if (spec.type != 0 && spec.type != 's') {
        fail(fmt::format("Unknown format code '{}' for object of type 'str'", spec.type));
      }
      return format_text(runtime, value.text(), spec);
    default:
      break;
  }
  const bool plain = spec.type == 0 && spec.width == 0 && spec.align == 0 && !spec.precision;
  if (!plain) {
    fail(fmt::format("unsupported format string passed to {}.__format__", type_name(value)));
  }
  return to_text(runtime, value);
}

}  // namespace ix::chat::jinja
