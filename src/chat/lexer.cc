#include "chat/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "chat/string_literal.h"
#include "chat/text.h"
#include "chat/value.h"

namespace ix::chat::jinja {
namespace {

// All newlines as \n, and one at the end dropped (keep_trailing_newline is off).
std::string normalize_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
    } else {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

bool is_digit_char(char c) { return c >= '0' && c <= '9'; }

bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<uint8_t>(c) >= 0x80;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) root();
    add(TokenType::end, {});
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void error(const std::string& message) const {
    fail(fmt::format("line {}: {}", line_, message));
  }

  char peek(size_t ahead = 0) const {
    return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
  }
  bool next_is(std::string_view text) const { return source_.substr(at_).starts_with(text); }

  void advance(size_t count) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(at_ + count),
                                         '\n'));
    at_ += count;
  }

  void skip_space() {
    std::string_view rest = source_.substr(at_);
    advance(rest.size() - strip(rest, Side::left).size());
  }

  Token& add(TokenType type, std::string text) {
    tokens_.push_back({type, line_, std::move(text)});
    return tokens_.back();
  }

  // Text outside of tags up to the next tag.
  void root() {
    size_t tag = at_;
    for (;; ++tag) {
      tag = source_.find('{', tag);
      if (tag == std::string_view::npos || tag + 1 >= source_.size()) {
        add(TokenType::data, std::string(source_.substr(at_)));
        advance(source_.size() - at_);
        return;
      }
      const char kind = source_[tag + 1];
      if (kind == '%' || kind == '{' || kind == '#') break;
    }
    std::string_view text = source_.substr(at_, tag - at_);
    const bool line_starting = at_ == 0 || source_[at_ - 1] == '\n';
    const char kind = source_[tag + 1];
    const char sign = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
    text = trimmed(text, sign, kind == '{', line_starting);
    if (!text.empty()) add(TokenType::data, std::string(text));
    advance(tag - at_);
    if (kind == '%' && raw_tag("raw", false)) return raw();
    const bool signed_tag = sign == '-' || sign == '+';
    if (kind == '#') return comment();
    add(kind == '%' ? TokenType::block_begin : TokenType::variable_begin, {});
    advance(signed_tag ? 3 : 2);
    expression(kind == '{');
  }

  // What stays of the text before a tag: '-' strips it, lstrip_blocks drops the indent of a tag
  // that stands first on its line.
  static std::string_view trimmed(std::string_view text, char sign, bool variable,
                                  bool line_starting) {
    if (sign == '-') return strip(text, Side::right);
    if (sign == '+' || variable) return text;
    const size_t newline = text.rfind('\n');
    const size_t start = newline == std::string_view::npos ? 0 : newline + 1;
    if (start == 0 && !line_starting) return text;
    return strip(text.substr(start), Side::left).empty() ? text.substr(0, start) : text;
  }

  // Consumes "{% name %}" where it stands here; `closing` tags may end in +%} and eat a newline.
  bool raw_tag(std::string_view name, bool closing) {
    size_t i = at_ + 2;
    auto skip = [&] {
      std::string_view rest = source_.substr(i);
      i += rest.size() - strip(rest, Side::left).size();
    };
    if (i < source_.size() && (source_[i] == '-' || source_[i] == '+')) ++i;
    skip();
    if (!source_.substr(i).starts_with(name)) return false;
    i += name.size();
    skip();
    std::string_view rest = source_.substr(i);
    if (rest.starts_with("-%}")) {
      i += 3;
      skip();
    } else if (rest.starts_with("%}")) {
      i += 2;
      if (closing && i < source_.size() && source_[i] == '\n') ++i;
    } else if (closing && rest.starts_with("+%}")) {
      i += 3;
    } else {
      return false;
    }
    advance(i - at_);
    return true;
  }

  void raw() {
    const size_t start = at_;
    if (start == source_.size()) return;
    const bool line_starting = source_[start - 1] == '\n';
    size_t scan = at_;
    for (;; scan += 2) {
      scan = source_.find("{%", scan);
      if (scan == std::string_view::npos) error("Missing end of raw directive");
      const size_t saved_at = at_;
      const int saved_line = line_;
      advance(scan - at_);
      const char sign = peek(2);
      const int line = saved_line;
      if (raw_tag("endraw", true)) {
        std::string_view text =
            trimmed(source_.substr(start, scan - start), sign, false, line_starting);
        if (!text.empty()) tokens_.push_back({TokenType::data, line, std::string(text)});
        return;
      }
      at_ = saved_at;
      line_ = saved_line;
    }
  }

  void comment() {
    advance(2);
    const bool signed_tag = peek() == '-' || peek() == '+';
    // jinja2 takes a comment that opens at the very end for an empty one.
    if (at_ + (signed_tag ? 1 : 0) == source_.size()) return advance(signed_tag ? 1 : 0);
    const size_t end = source_.find("#}", at_);
    if (end == std::string_view::npos) error("Missing end of comment tag");
    // A lone sign of the opening tag is not the one of the closing tag.
    const bool sign_is_opening = end == at_ + 1 && signed_tag;
    const char sign = end > at_ && !sign_is_opening ? source_[end - 1] : '\0';
    advance(end + 2 - at_);
    if (sign == '-') {
      skip_space();
    } else if (sign != '+' && peek() == '\n') {
      advance(1);
    }
  }

  bool tag_end(bool variable) {
    std::string_view close = variable ? "}}" : "%}";
    const TokenType type = variable ? TokenType::variable_end : TokenType::block_end;
    if (peek() == '-' && source_.substr(at_ + 1).starts_with(close)) {
      add(type, {});
      advance(3);
      skip_space();
      return true;
    }
    if (!variable && peek() == '+' && source_.substr(at_ + 1).starts_with(close)) {
      add(type, {});
      advance(3);
      return true;
    }
    if (!next_is(close)) return false;
    add(type, {});
    advance(2);
    if (!variable && peek() == '\n') advance(1);
    return true;
  }

  void expression(bool variable) {
    std::vector<char> open;
    while (at_ < source_.size()) {
      if (open.empty() && tag_end(variable)) return;
      const char c = peek();
      if (is_space(decode_at(source_, at_).value)) {
        skip_space();
      } else if (is_digit_char(c)) {
        number();
      } else if (is_name_start(c)) {
        name();
      } else if (c == '\'' || c == '"') {
        string(c);
      } else {
        operation(open);
      }
    }
  }

  void name() {
    size_t length = 0;
    while (is_name_start(peek(length)) || is_digit_char(peek(length))) ++length;
    add(TokenType::name, std::string(source_.substr(at_, length)));
    advance(length);
  }

  // Digits with single underscores between them, from `from`; the length.
  size_t digits(size_t from, bool (*is)(char)) const {
    size_t length = 0;
    while (is(peek(from + length)) ||
           (peek(from + length) == '_' && length > 0 && is(peek(from + length + 1)))) {
      ++length;
    }
    return length;
  }

  void number() {
    if (peek() == '0') {
      const char base = static_cast<char>(peek(1) | 0x20);
      if (base == 'x' && based(16)) return;
      if (base == 'o' && based(8)) return;
      if (base == 'b' && based(2)) return;
    }
    const size_t whole = digits(0, is_digit_char);
    size_t length = whole;
    if (peek(length) == '.' && is_digit_char(peek(length + 1))) {
      length += 1 + digits(length + 1, is_digit_char);
    }
    if (peek(length) == 'e' || peek(length) == 'E') {
      size_t exponent = length + 1;
      if (peek(exponent) == '+' || peek(exponent) == '-') ++exponent;
      size_t exponent_digits = digits(exponent, is_digit_char);
      if (exponent_digits > 0) length = exponent + exponent_digits;
    }
    const bool after_dot = at_ > 0 && source_[at_ - 1] == '.';
    if (length > whole && !after_dot) return real(length);
    integer(whole);
  }

  std::string without_underscores(size_t from, size_t length) const {
    std::string text(source_.substr(at_ + from, length));
    std::erase(text, '_');
    return text;
  }

  bool based(int base) {
    auto valid = base == 16  ? +[](char c) { return std::isxdigit(static_cast<uint8_t>(c)) != 0; }
                 : base == 8 ? +[](char c) { return c >= '0' && c <= '7'; }
                             : +[](char c) { return c == '0' || c == '1'; };
    size_t from = peek(2) == '_' ? 3 : 2;
    size_t length = digits(from, valid);
    if (length == 0) return false;
    store_integer(without_underscores(from, length), base);
    advance(from + length);
    return true;
  }

  void real(size_t length) {
    std::string text = without_underscores(0, length);
    Token& token = add(TokenType::real, text);
    auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), token.real);
    if (code == std::errc::result_out_of_range) {
      // Python reads a too large number as infinity and a too small one as zero.
      size_t mark = text.find_first_of("eE");
      bool tiny = mark != std::string::npos && text[mark + 1] == '-';
      token.real = tiny ? 0.0 : HUGE_VAL;
    }
    advance(length);
  }

  void integer(size_t length) {
    if (peek() == '0') {
      // "007" is the token 00 and the token 7, as in jinja2.
      size_t zeros = digits(
          0, +[](char c) { return c == '0'; });
      length = std::min(length, zeros);
    }
    store_integer(without_underscores(0, length), 10);
    advance(length);
  }

  void store_integer(const std::string& text, int base) {
    Token& token = add(TokenType::integer, text);
    auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), token.integer, base);
    if (code != std::errc()) error(fmt::format("the integer {} is beyond 64 bits", text));
  }

  void operation(std::vector<char>& open) {
    constexpr std::array<std::string_view, 7> kTwo = {"//", "**", "==", "!=", ">=", "<=", ""};
    constexpr std::string_view kOne = "+-/*%~[](){}><=.:|,;";
    const char c = peek();
    for (std::string_view two : kTwo) {
      if (!two.empty() && next_is(two)) {
        add(TokenType::operation, std::string(two));
        return advance(2);
      }
    }
    if (kOne.find(c) == std::string_view::npos || c == '\0') {
      error(
          fmt::format("unexpected char '{}'", source_.substr(at_, decode_at(source_, at_).length)));
    }
    if (c == '(') open.push_back(')');
    if (c == '[') open.push_back(']');
    if (c == '{') open.push_back('}');
    if (c == ')' || c == ']' || c == '}') {
      if (open.empty()) error(fmt::format("unexpected '{}'", c));
      if (open.back() != c) error(fmt::format("unexpected '{}', expected '{}'", c, open.back()));
      open.pop_back();
    }
    add(TokenType::operation, std::string(1, c));
    advance(1);
  }

  void string(char quote) {
    size_t length = 1;
    for (; at_ + length < source_.size() && peek(length) != quote; ++length) {
      if (peek(length) == '\\') ++length;
    }
    if (at_ + length >= source_.size()) error(fmt::format("unexpected char '{}'", quote));
    Result<std::string> text = unescape(source_.substr(at_ + 1, length - 1));
    if (!text.ok()) error(text.status().message());
    add(TokenType::string, *std::move(text));
    advance(length + 1);
  }

  std::string_view source_;
  size_t at_ = 0;
  int line_ = 1;
  std::vector<Token> tokens_;
};

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view source) {
  const std::string normalized = normalize_newlines(source);
  try {
    return Lexer(normalized).run();
  } catch (const TemplateError& error) {
    return Status(error.code, error.message);
  }
}

}  // namespace ix::chat::jinja
