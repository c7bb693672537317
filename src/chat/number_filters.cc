#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <optional>

#include "chat/builtins.h"
#include "chat/operations.h"
#include "chat/text.h"

namespace ix::chat::jinja {
namespace {

// Without surrounding space and underscores between digits; nullopt where those are misplaced.
std::optional<std::string> bare_number(std::string_view text) {
  text = strip(text, Side::both);
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
      continue;
    }
    bool between = i > 0 && i + 1 < text.size() &&
                   std::isalnum(static_cast<unsigned char>(text[i - 1])) != 0 &&
                   std::isalnum(static_cast<unsigned char>(text[i + 1])) != 0;
    if (!between) return std::nullopt;
  }
  return out;
}

std::optional<int64_t> parse_integer(std::string_view source, int base) {
  auto text = bare_number(source);
  if (!text || text->empty()) return std::nullopt;
  std::string_view digits = *text;
  const bool negative = digits.front() == '-';
  if (negative || digits.front() == '+') digits.remove_prefix(1);
  if (digits.size() > 2 && digits[0] == '0') {
    const char letter = static_cast<char>(digits[1] | 0x20);
    const int named = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
    if (named != 0 && (base == named || base == 0)) {
      digits.remove_prefix(2);
      base = named;
    }
  }
  if (base == 0) base = 10;
  if (base < 2 || base > 36 || digits.empty() || digits[0] == '-') return std::nullopt;
  uint64_t magnitude = 0;
  auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), magnitude, base);
  if (end != digits.data() + digits.size()) return std::nullopt;
  if (code != std::errc() || magnitude > INT64_MAX) fail_exhausted("an integer beyond 64 bits");
  const auto number = static_cast<int64_t>(magnitude);
  return negative ? -number : number;
}

std::optional<double> parse_real(std::string_view source) {
  auto text = bare_number(source);
  if (!text || text->empty()) return std::nullopt;
  std::string_view digits = *text;
  const bool negative = digits.front() == '-';
  if (negative || digits.front() == '+') digits.remove_prefix(1);
  if (digits.empty() || digits[0] == '-') return std::nullopt;
  double number = 0;
  auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (end != digits.data() + digits.size()) return std::nullopt;
  if (code == std::errc::result_out_of_range) number = HUGE_VAL;
  return negative ? -number : number;
}

std::optional<int64_t> truncated(double number) {
  if (!std::isfinite(number)) return std::nullopt;
  if (std::abs(number) >= 9.2e18) fail_exhausted("an integer beyond 64 bits");
  return static_cast<int64_t>(number);
}

Value as_integer(Runtime&, const Value& input, Arguments& arguments) {
  auto bound = bind_arguments("int", arguments, {"default", "base"});
  Value otherwise = bound[0].value_or(Value::integer(0));
  if (input.is_undefined()) fail(input.text());
  if (input.is_integral()) return Value::integer(input.as_integer());
  std::optional<int64_t> number;
  if (input.is(Kind::real)) {
    if (std::isinf(input.as_real())) fail("cannot convert float infinity to integer");
    number = truncated(input.as_real());
  } else if (input.is_string()) {
    int base = bound[1] && bound[1]->is_integral() ? static_cast<int>(bound[1]->as_integer()) : 10;
    number = parse_integer(input.text(), base);
    if (!number) {
      if (auto real = parse_real(input.text())) number = truncated(*real);
    }
  }
  return number ? Value::integer(*number) : otherwise;
}

Value as_real(Runtime&, const Value& input, Arguments& arguments) {
  auto bound = bind_arguments("float", arguments, {"default"});
  if (input.is_undefined()) fail(input.text());
  if (input.is_number()) return Value::real(input.as_real());
  if (input.is_string()) {
    if (auto number = parse_real(input.text())) return Value::real(*number);
  }
  return bound[0].value_or(Value::real(0));
}

Value absolute(Runtime&, const Value& input, Arguments& arguments) {
  bind_arguments("abs", arguments, {});
  if (input.is(Kind::real)) return Value::real(std::abs(input.as_real()));
  if (!input.is_integral()) {
    if (input.is_undefined()) fail(input.text());
    fail(fmt::format("bad operand type for abs(): '{}'", type_name(input)));
  }
  return input.as_integer() < 0 ? negate(input) : Value::integer(input.as_integer());
}

// round(x, digits) to the even neighbour of the exact decimal value.
double round_real(double number, int64_t digits) {
  if (!std::isfinite(number) || digits > 323) return number;
  if (digits >= 0) {
    std::string text = fmt::format("{:.{}f}", number, digits);
    double rounded = number;
    std::from_chars(text.data(), text.data() + text.size(), rounded);
    return rounded;
  }
  if (digits < -308) return std::copysign(0.0, number);
  const double scale = std::pow(10.0, static_cast<double>(-digits));
  return std::nearbyint(number / scale) * scale;
}

int64_t round_integer(int64_t number, int64_t digits) {
  if (digits >= 0) return number;
  if (digits < -18) return 0;
  int64_t scale = 1;
  for (int64_t i = digits; i < 0; ++i) scale *= 10;
  int64_t remainder = number % scale;
  int64_t down = number - remainder;
  int64_t twice = std::abs(remainder) - (scale - std::abs(remainder));
  bool away = twice > 0 || (twice == 0 && (down / scale) % 2 != 0);
  int64_t rounded = down;
  if (away && __builtin_add_overflow(down, remainder < 0 ? -scale : scale, &rounded)) {
    fail_exhausted("an integer beyond 64 bits");
  }
  return rounded;
}

Value round_filter(Runtime&, const Value& input, Arguments& arguments) {
  auto bound = bind_arguments("round", arguments, {"precision", "method"});
  std::string method = bound[1] && bound[1]->is_string() ? bound[1]->text() : "common";
  if (method != "common" && method != "ceil" && method != "floor") {
    fail("method must be common, ceil or floor");
  }
  if (bound[0] && !bound[0]->is_integral()) fail("round wants an integer precision");
  const int64_t digits = bound[0] ? bound[0]->as_integer() : 0;
  if (!input.is_number()) {
    if (input.is_undefined()) fail(input.text());
    fail(fmt::format("type {} doesn't define __round__ method", type_name(input)));
  }
  if (method == "common") {
    if (input.is_integral()) return Value::integer(round_integer(input.as_integer(), digits));
    return Value::real(round_real(input.as_real(), digits));
  }
  if (std::abs(digits) > 308) fail("round: the precision is too large");
  const double scale = std::pow(10.0, static_cast<double>(digits));
  const double scaled = input.as_real() * scale;
  if (!std::isfinite(scaled)) fail("cannot convert float infinity or NaN to integer");
  return Value::real((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

}  // namespace

const FilterTable& number_filters() {
  static const FilterTable kFilters = {
      {"int", as_integer},
      {"float", as_real},
      {"abs", absolute},
      {"round", round_filter},
  };
  return kFilters;
}

}  // namespace ix::chat::jinja
