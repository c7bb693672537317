#include "chat/string_literal.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "chat/text.h"

namespace ix::chat::jinja {
namespace {

// `count` hexadecimal digits from `at` on, which moves behind them.
Result<char32_t> hex_escape(std::string_view text, size_t& at, size_t count) {
  uint32_t code = 0;
  const std::string_view hex = text.substr(std::min(at, text.size()), count);
  const auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), code, 16);
  if (hex.size() < count || end != hex.data() + count || code > 0x10FFFF) {
    return invalid_argument("a string has a broken \\x, \\u or \\U escape");
  }
  at += count;
  return code;
}

// One to three octal digits, the first of which is before `at`.
char32_t octal_escape(std::string_view text, size_t& at) {
  auto code = static_cast<char32_t>(text[at - 1] - '0');
  for (int k = 0; k < 2 && at < text.size() && text[at] >= '0' && text[at] <= '7'; ++k) {
    code = code * 8 + static_cast<char32_t>(text[at++] - '0');
  }
  return code;
}

}  // namespace

Result<std::string> unescape(std::string_view text) {
  constexpr std::string_view kFrom = "\\'\"abfnrtv";
  constexpr std::string_view kTo = "\\'\"\a\b\f\n\r\t\v";
  std::string out;
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '\\') {
      out += text[i++];
      continue;
    }
    const char c = text[i + 1];
    i += 2;
    if (const size_t known = kFrom.find(c); known != std::string_view::npos) {
      out += kTo[known];
    } else if (c == 'x' || c == 'u' || c == 'U') {
      IX_ASSIGN_OR_RETURN(const char32_t code, hex_escape(text, i,
                                                          c == 'x'   ? 2
                                                          : c == 'u' ? 4
                                                                     : 8));
      append_code_point(out, code);
    } else if (c >= '0' && c <= '7') {
      append_code_point(out, octal_escape(text, i));
    } else if (c == 'N') {
      return unsupported("\\N{...} in a string is not supported");
    } else if (c != '\n') {
      out += '\\';
      out += c;
    }
  }
  return out;
}

}  // namespace ix::chat::jinja
