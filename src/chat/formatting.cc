#include "chat/formatting.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chat/access.h"
#include "chat/format_spec.h"
#include "chat/operations.h"
#include "chat/printing.h"
#include "chat/text.h"

namespace ix::chat::jinja {
namespace {

std::string ascii_repr(Runtime& runtime, const Value& value) {
  std::string out;
  std::string repr = to_repr(runtime, value);
  for (size_t i = 0; i < repr.size();) {
    CodePoint c = decode_at(repr, i);
    auto number = static_cast<uint32_t>(c.value);
    if (number < 0x80) {
      out += repr[i];
    } else if (number < 0x100) {
      out += fmt::format("\\x{:02x}", number);
    } else if (number < 0x10000) {
      out += fmt::format("\\u{:04x}", number);
    } else {
      out += fmt::format("\\U{:08x}", number);
    }
    i += c.length;
  }
  return out;
}

class PercentFormatter {
 public:
  PercentFormatter(Runtime& runtime, const StringObject& format, const Value& arguments)
      : runtime_(runtime),
        format_(format.bytes),
        markup_(format.markup),
        arguments_(arguments),
        out_(runtime) {
    if (arguments.is_sequence(SequenceKind::tuple)) {
      positional_ = arguments.sequence().items;
    } else {
      positional_ = {arguments};
    }
  }

  std::string run() {
    while (at_ < format_.size()) {
      size_t mark = std::min(format_.find('%', at_), format_.size());
      out_.append(format_.substr(at_, mark - at_));
      at_ = mark;
      if (at_ < format_.size()) {
        ++at_;
        conversion();
      }
    }
    const bool may_be_left =
        arguments_.is(Kind::dict) || named_ ||
        (arguments_.is(Kind::sequence) && !arguments_.is_sequence(SequenceKind::tuple) &&
         !arguments_.is_sequence(SequenceKind::generator));
    if (next_ < positional_.size() && !may_be_left) {
      fail("not all arguments converted during string formatting");
    }
    return out_.release();
  }

 private:
  char peek() const {
    if (at_ >= format_.size()) fail("incomplete format");
    return format_[at_];
  }

  const Value& take() {
    if (next_ >= positional_.size()) fail("not enough arguments for format string");
    return positional_[next_++];
  }

  // "*" or digits.
  std::optional<int64_t> number() {
    if (peek() == '*') {
      ++at_;
      const Value& value = take();
      if (!value.is_integral()) fail("* wants int");
      if (std::abs(value.as_integer()) > (1 << 24)) fail_exhausted("a width that is too large");
      return value.as_integer();
    }
    if (peek() < '0' || peek() > '9') return std::nullopt;
    return static_cast<int64_t>(parse_format_number(format_, at_));
  }

  void conversion() {
    FormatSpec spec;
    std::optional<Value> keyed;
    if (peek() == '(') keyed = value_of_key();
    bool left = false;
    for (;; ++at_) {
      const char flag = peek();
      if (flag == '-') {
        left = true;
      } else if (flag == '+' || (flag == ' ' && spec.sign != '+')) {
        spec.sign = flag;
      } else if (flag == '#') {
        spec.alternate = true;
      } else if (flag == '0') {
        spec.zero_padded = true;
      } else if (flag != ' ') {
        break;
      }
    }
    int64_t width = number().value_or(0);
    if (width < 0) left = true;
    spec.width = static_cast<size_t>(std::abs(width));
    if (peek() == '.') {
      ++at_;
      spec.precision = static_cast<int>(std::max<int64_t>(0, number().value_or(0)));
    }
    while (peek() == 'l' || peek() == 'h' || peek() == 'L') ++at_;
    spec.type = format_[at_++];
    spec.align = left ? '<' : 0;
    if (spec.type == '%') return out_.append("%");
    const Value value = keyed ? *keyed : take();
    if (left) spec.zero_padded = false;
    convert(value, spec);
  }

  Value value_of_key() {
    size_t depth = 1;
    size_t start = ++at_;
    for (; depth > 0; ++at_) {
      if (at_ >= format_.size()) fail("incomplete format key");
      if (format_[at_] == '(') ++depth;
      if (format_[at_] == ')') --depth;
    }
    if (!arguments_.is(Kind::dict)) fail("format requires a mapping");
    named_ = true;
    std::string_view key = format_.substr(start, at_ - 1 - start);
    const Value* found = arguments_.dict().find(key);
    if (found == nullptr) fail(fmt::format("'{}'", key));
    return *found;
  }

  void convert(const Value& value, FormatSpec spec) {
    switch (spec.type) {
      case 's':
      case 'r':
      case 'a':
        return convert_text(value, spec);
      case 'd':
      case 'i':
      case 'u':
      case 'o':
      case 'x':
      case 'X':
        return convert_integer(value, spec);
      case 'c':
        if (value.is_string()) {
          if (value.string().length != 1) fail("%c requires int or char");
          return convert_text(value, spec);
        }
        if (!value.is_integral()) fail("%c requires int or char");
        if (spec.align == 0) spec.align = '>';
        return out_.append(format_integer(runtime_, value.as_integer(), spec));
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        if (!value.is_number()) {
          fail(fmt::format("must be real number, not {}", type_name(value)));
        }
        return out_.append(format_real(runtime_, value.as_real(), spec));
      default:
        fail(fmt::format("unsupported format character '{}'", spec.type));
    }
  }

  void convert_text(const Value& value, FormatSpec spec) {
    std::string text = spec.type == 'r'   ? to_repr(runtime_, value)
                       : spec.type == 'a' ? ascii_repr(runtime_, value)
                                          : to_text(runtime_, value);
    if (markup_) text = escape_html(runtime_, plain_unless_markup(value, text)).text();
    if (spec.align == 0) spec.align = '>';
    out_.append(format_text(runtime_, text, spec));
  }

  // Markup is not escaped again, except for its repr.
  Value plain_unless_markup(const Value& value, const std::string& text) {
    bool markup = value.is_string() && value.string().markup && value.text() == text;
    return runtime_.string(text, markup);
  }

  void convert_integer(const Value& value, FormatSpec spec) {
    const bool decimal = spec.type == 'd' || spec.type == 'i' || spec.type == 'u';
    if (decimal) spec.type = 'd';
    int64_t number = 0;
    if (value.is_integral()) {
      number = value.as_integer();
    } else if (value.is(Kind::real) && decimal && std::abs(value.as_real()) < 9.2e18) {
      number = static_cast<int64_t>(value.as_real());
    } else {
      fail(fmt::format("%{} format: {} is required, not {}", spec.type,
                       decimal ? "a real number" : "an integer", type_name(value)));
    }
    out_.append(format_integer(runtime_, number, spec));
  }

  Runtime& runtime_;
  std::string_view format_;
  bool markup_;  // what is put in is escaped
  const Value& arguments_;
  Values positional_;
  TextBuffer out_;
  size_t at_ = 0;
  size_t next_ = 0;
  bool named_ = false;
};

class BraceFormatter {
 public:
  BraceFormatter(Runtime& runtime, bool markup, const Arguments& arguments)
      : runtime_(runtime), markup_(markup), arguments_(arguments) {}

  std::string run(std::string_view format, int depth) {
    if (depth > 3) fail("Max string recursion exceeded");
    TextBuffer out(runtime_);
    for (size_t i = 0; i < format.size();) {
      const char c = format[i];
      if ((c == '{' || c == '}') && i + 1 < format.size() && format[i + 1] == c) {
        out.append(1, c);
        i += 2;
      } else if (c == '}') {
        fail("Single '}' encountered in format string");
      } else if (c == '{') {
        size_t end = closing_brace(format, i);
        out.append(field(format.substr(i + 1, end - i - 1), depth));
        i = end + 1;
      } else {
        size_t next = std::min(format.find_first_of("{}", i), format.size());
        out.append(format.substr(i, next - i));
        i = next;
      }
    }
    return out.release();
  }

 private:
  static size_t closing_brace(std::string_view format, size_t open) {
    int depth = 0;
    bool bracket = false;
    for (size_t i = open; i < format.size(); ++i) {
      if (bracket) {
        bracket = format[i] != ']';
      } else if (format[i] == '[' && depth == 1) {
        bracket = true;
      } else if (format[i] == '{') {
        ++depth;
      } else if (format[i] == '}' && --depth == 0) {
        return i;
      }
    }
    if (open + 1 == format.size()) fail("Single '{' encountered in format string");
    fail("expected '}' before end of string");
  }

  std::string field(std::string_view field, int depth) {
    size_t name_end = 0;
    for (bool bracket = false; name_end < field.size(); ++name_end) {
      const char c = field[name_end];
      if (c == '[') bracket = true;
      if (c == ']') bracket = false;
      if (!bracket && (c == '!' || c == ':')) break;
    }
    std::string_view name = field.substr(0, name_end);
    char conversion = 0;
    std::string_view spec;
    if (name_end < field.size() && field[name_end] == '!') {
      if (name_end + 1 >= field.size())
        fail("end of string while looking for conversion specifier");
      conversion = field[name_end + 1];
      name_end += 2;
      if (name_end < field.size() && field[name_end] != ':') {
        fail("expected ':' after conversion specifier");
      }
    }
    if (name_end < field.size()) spec = field.substr(name_end + 1);
    Value value = converted(lookup(name), conversion);
    std::string text = format_value(runtime_, value, parse_format_spec(run(spec, depth + 1)));
    const bool escapes = markup_ && !(value.is_string() && value.string().markup);
    return escapes ? escape_html(runtime_, runtime_.string(text)).text() : text;
  }

  Value converted(Value value, char conversion) {
    switch (conversion) {
      case 0:
        return value;
      case 's':
        return runtime_.string(to_text(runtime_, value));
      case 'r':
        return runtime_.string(to_repr(runtime_, value));
      case 'a':
        return runtime_.string(ascii_repr(runtime_, value));
      default:
        fail(fmt::format("Unknown conversion specifier {}", conversion));
    }
  }

  static bool all_digits(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  }

  static int64_t index_of(std::string_view digits) {
    size_t position = 0;
    return static_cast<int64_t>(parse_format_number(digits, position));
  }

  Value argument(std::string_view first) {
    if (first.empty() || all_digits(first)) {
      const bool automatic = first.empty();
      if (numbering_ != 0 && numbering_ != (automatic ? 'a' : 'm')) {
        fail("cannot switch between manual field specification and automatic field numbering");
      }
      numbering_ = automatic ? 'a' : 'm';
      auto index = automatic ? next_++ : static_cast<size_t>(index_of(first));
      if (index >= arguments_.positional.size()) {
        fail("Replacement index out of range for positional args tuple");
      }
      return arguments_.positional[index];
    }
    for (const auto& [name, value] : arguments_.named) {
      if (name == first) return value;
    }
    fail(fmt::format("'{}'", first));
  }

  Value lookup(std::string_view name) {
    size_t end = std::min(name.find_first_of(".["), name.size());
    Value value = argument(name.substr(0, end));
    while (end < name.size()) {
      if (name[end] == '.') {
        size_t next = std::min(name.find_first_of(".[", end + 1), name.size());
        if (next == end + 1) fail("Empty attribute in format string");
        value = get_attribute(runtime_, value, name.substr(end + 1, next - end - 1));
        end = next;
      } else if (name[end] == '[') {
        size_t close = name.find(']', end);
        if (close == std::string_view::npos) fail("Missing ']' in format string");
        std::string_view key = name.substr(end + 1, close - end - 1);
        if (key.empty()) fail("Empty attribute in format string");
        value = get_item(runtime_, value,
                         all_digits(key) ? Value::integer(index_of(key)) : runtime_.string(key));
        end = close + 1;
      } else {
        fail("Only '.' or '[' may follow ']' in format field specifier");
      }
    }
    return value;
  }

  Runtime& runtime_;
  bool markup_;  // what is put in is escaped
  const Arguments& arguments_;
  size_t next_ = 0;
  char numbering_ = 0;  // 'a' automatic, 'm' manual
};

}  // namespace

Value format_percent(Runtime& runtime, const Value& format, const Value& arguments) {
  PercentFormatter formatter(runtime, format.string(), arguments);
  return runtime.string(formatter.run(), format.string().markup);
}

Value format_braces(Runtime& runtime, const Value& format, const Arguments& arguments) {
  BraceFormatter formatter(runtime, format.string().markup, arguments);
  return runtime.string(formatter.run(format.text(), 1), format.string().markup);
}

}  // namespace ix::chat::jinja
