#include "chat/text.h"

#include <utf8proc.h>

#include <algorithm>

namespace ix::chat::jinja {
namespace {

utf8proc_category_t category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

// The letters whose upper case is more than one letter and that occur in running text
// (Unicode's SpecialCasing.txt); the rest maps one to one.
struct WideUpper {
  char32_t from;
  std::string_view upper;
  std::string_view title;
};
constexpr WideUpper kWideUpper[] = {
    {0x00DF, "SS", "Ss"},           {0x0149, "\u02BCN", "\u02BCN"},
    {0x01F0, "J\u030C", "J\u030C"}, {0x0587, "\u0535\u0552", "\u0535\u0582"},
    {0xFB00, "FF", "Ff"},           {0xFB01, "FI", "Fi"},
    {0xFB02, "FL", "Fl"},           {0xFB03, "FFI", "Ffi"},
    {0xFB04, "FFL", "Ffl"},         {0xFB05, "ST", "St"},
    {0xFB06, "ST", "St"},
};

void append_upper(std::string& out, char32_t c) {
  for (const WideUpper& wide : kWideUpper) {
    if (wide.from == c) {
      out += wide.upper;
      return;
    }
  }
  append_code_point(out, static_cast<char32_t>(utf8proc_toupper(static_cast<int32_t>(c))));
}

void append_title(std::string& out, char32_t c) {
  for (const WideUpper& wide : kWideUpper) {
    if (wide.from == c) {
      out += wide.title;
      return;
    }
  }
  append_code_point(out, static_cast<char32_t>(utf8proc_totitle(static_cast<int32_t>(c))));
}

constexpr char32_t kCapitalSigma = 0x03A3;

// Greek sigma takes its final form where a cased letter stands before it and none after it.
bool sigma_is_final(std::string_view text, size_t position, bool cased_before) {
  if (!cased_before) return false;
  size_t next = position + decode_at(text, position).length;
  while (next < text.size()) {
    CodePoint c = decode_at(text, next);
    auto kind = category(c.value);
    bool ignorable = c.value == U'\'' || c.value == 0x2019 || c.value == U'.' || c.value == U':' ||
                     c.value == 0xB7 || kind == UTF8PROC_CATEGORY_MN ||
                     kind == UTF8PROC_CATEGORY_ME || kind == UTF8PROC_CATEGORY_CF ||
                     kind == UTF8PROC_CATEGORY_LM || kind == UTF8PROC_CATEGORY_SK;
    if (!ignorable) return !is_cased(c.value);
    next += c.length;
  }
  return true;
}

void append_lower(std::string& out, std::string_view text, size_t position, bool cased_before) {
  char32_t c = decode_at(text, position).value;
  if (c == kCapitalSigma) {
    append_code_point(out, sigma_is_final(text, position, cased_before) ? 0x03C2 : 0x03C3);
  } else if (c == 0x0130) {
    out += "i\u0307";
  } else {
    append_code_point(out, static_cast<char32_t>(utf8proc_tolower(static_cast<int32_t>(c))));
  }
}

bool contains_code_point(std::string_view characters, char32_t wanted) {
  for (size_t i = 0; i < characters.size();) {
    CodePoint c = decode_at(characters, i);
    if (c.value == wanted) return true;
    i += c.length;
  }
  return false;
}

// Start of the code point that ends before `end`.
size_t previous_start(std::string_view text, size_t end) {
  size_t start = end - 1;
  while (start > 0 && end - start < 4 && (static_cast<uint8_t>(text[start]) & 0xC0) == 0x80) {
    --start;
  }
  return start + decode_at(text, start).length == end ? start : end - 1;
}

template <typename Drops>
std::string_view strip_if(std::string_view text, Side side, Drops drops) {
  if (side != Side::right) {
    while (!text.empty()) {
      CodePoint c = decode_at(text, 0);
      if (!drops(c.value)) break;
      text.remove_prefix(c.length);
    }
  }
  if (side != Side::left) {
    while (!text.empty()) {
      size_t start = previous_start(text, text.size());
      if (!drops(decode_at(text, start).value)) break;
      text = text.substr(0, start);
    }
  }
  return text;
}

bool is_line_end(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

}  // namespace

CodePoint decode_at(std::string_view text, size_t position) {
  auto byte = [&](size_t i) { return static_cast<uint8_t>(text[position + i]); };
  const size_t left = text.size() - position;
  const uint8_t first = byte(0);
  if (first < 0x80) return {first, 1};
  auto continues = [&](size_t i) { return i < left && (byte(i) & 0xC0) == 0x80; };
  if (first >= 0xC2 && first <= 0xDF && continues(1)) {
    return {static_cast<char32_t>((first & 0x1F) << 6 | (byte(1) & 0x3F)), 2};
  }
  if (first >= 0xE0 && first <= 0xEF && continues(1) && continues(2)) {
    auto c = static_cast<char32_t>((first & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F));
    if (c >= 0x800) return {c, 3};
  }
  if (first >= 0xF0 && first <= 0xF4 && continues(1) && continues(2) && continues(3)) {
    auto c = static_cast<char32_t>((first & 0x07) << 18 | (byte(1) & 0x3F) << 12 |
                                   (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F));
    if (c >= 0x10000 && c <= 0x10FFFF) return {c, 4};
  }
  return {static_cast<char32_t>(0xDC00 + first), 1};
}

void append_code_point(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c >= 0xDC80 && c <= 0xDCFF) {
    out += static_cast<char>(c - 0xDC00);
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

size_t count_code_points(std::string_view text) {
  size_t count = 0;
  for (size_t i = 0; i < text.size(); ++count) {
    i += static_cast<uint8_t>(text[i]) < 0x80 ? 1 : decode_at(text, i).length;
  }
  return count;
}

size_t byte_offset(std::string_view text, size_t index) {
  size_t offset = 0;
  for (; index > 0 && offset < text.size(); --index) offset += decode_at(text, offset).length;
  return offset;
}

bool is_space(char32_t c) {
  if (c < 0x80) return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_alpha(char32_t c) {
  auto kind = category(c);
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}
bool is_decimal(char32_t c) { return category(c) == UTF8PROC_CATEGORY_ND; }
bool is_digit(char32_t c) {
  return is_decimal(c) || c == 0xB2 || c == 0xB3 || c == 0xB9 || c == 0x2070 ||
         (c >= 0x2074 && c <= 0x2079) || (c >= 0x2080 && c <= 0x2089);
}
bool is_numeric(char32_t c) {
  auto kind = category(c);
  return is_digit(c) || kind == UTF8PROC_CATEGORY_NL || kind == UTF8PROC_CATEGORY_NO;
}
bool is_upper(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LU; }
bool is_lower(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LL || c == 0xAA || c == 0xBA; }
bool is_cased(char32_t c) {
  return is_upper(c) || is_lower(c) || category(c) == UTF8PROC_CATEGORY_LT;
}
bool is_printable(char32_t c) {
  if (c == U' ') return true;
  auto kind = category(c);
  return kind != UTF8PROC_CATEGORY_CN && kind < UTF8PROC_CATEGORY_ZS;
}

bool is_all_case(std::string_view text, bool (*has)(char32_t), bool (*forbids)(char32_t)) {
  bool any = false;
  for (size_t i = 0; i < text.size();) {
    CodePoint c = decode_at(text, i);
    if (forbids(c.value)) return false;
    any = any || has(c.value);
    i += c.length;
  }
  return any;
}

std::string to_upper(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    CodePoint c = decode_at(text, i);
    append_upper(out, c.value);
    i += c.length;
  }
  return out;
}

std::string to_lower(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool cased_before = false;
  for (size_t i = 0; i < text.size();) {
    CodePoint c = decode_at(text, i);
    append_lower(out, text, i, cased_before);
    cased_before = is_cased(c.value);
    i += c.length;
  }
  return out;
}

std::string capitalize(std::string_view text) {
  if (text.empty()) return {};
  std::string out;
  CodePoint first = decode_at(text, 0);
  append_title(out, first.value);
  bool cased_before = is_cased(first.value);
  for (size_t i = first.length; i < text.size();) {
    CodePoint c = decode_at(text, i);
    append_lower(out, text, i, cased_before);
    cased_before = is_cased(c.value);
    i += c.length;
  }
  return out;
}

std::string title_case(std::string_view text) {
  std::string out;
  bool inside_word = false;
  for (size_t i = 0; i < text.size();) {
    CodePoint c = decode_at(text, i);
    if (inside_word) {
      append_lower(out, text, i, true);
    } else {
      append_title(out, c.value);
    }
    inside_word = is_cased(c.value);
    i += c.length;
  }
  return out;
}

std::string swap_case(std::string_view text) {
  std::string out;
  bool cased_before = false;
  for (size_t i = 0; i < text.size();) {
    CodePoint c = decode_at(text, i);
    if (is_upper(c.value)) {
      append_lower(out, text, i, cased_before);
    } else {
      append_upper(out, c.value);
    }
    cased_before = is_cased(c.value);
    i += c.length;
  }
  return out;
}

std::string_view strip(std::string_view text, Side side) {
  return strip_if(text, side, [](char32_t c) { return is_space(c); });
}

std::string_view strip(std::string_view text, Side side, std::string_view characters) {
  return strip_if(text, side, [&](char32_t c) { return contains_code_point(characters, c); });
}

std::vector<std::string_view> split_space(std::string_view text, int64_t max_split) {
  std::vector<std::string_view> parts;
  for (text = strip(text, Side::left); !text.empty(); text = strip(text, Side::left)) {
    if (max_split >= 0 && static_cast<int64_t>(parts.size()) >= max_split) {
      parts.push_back(text);
      break;
    }
    size_t end = 0;
    while (end < text.size()) {
      CodePoint c = decode_at(text, end);
      if (is_space(c.value)) break;
      end += c.length;
    }
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return parts;
}

std::vector<std::string_view> rsplit_space(std::string_view text, int64_t max_split) {
  std::vector<std::string_view> parts;
  for (text = strip(text, Side::right); !text.empty(); text = strip(text, Side::right)) {
    if (max_split >= 0 && static_cast<int64_t>(parts.size()) >= max_split) {
      parts.push_back(text);
      break;
    }
    size_t start = text.size();
    while (start > 0) {
      size_t before = previous_start(text, start);
      if (is_space(decode_at(text, before).value)) break;
      start = before;
    }
    parts.push_back(text.substr(start));
    text = text.substr(0, start);
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string_view> split_on(std::string_view text, std::string_view separator,
                                       int64_t max_split) {
  std::vector<std::string_view> parts;
  while (max_split < 0 || static_cast<int64_t>(parts.size()) < max_split) {
    size_t found = text.find(separator);
    if (found == std::string_view::npos) break;
    parts.push_back(text.substr(0, found));
    text.remove_prefix(found + separator.size());
  }
  parts.push_back(text);
  return parts;
}

std::vector<std::string_view> rsplit_on(std::string_view text, std::string_view separator,
                                        int64_t max_split) {
  std::vector<std::string_view> parts;
  while (max_split < 0 || static_cast<int64_t>(parts.size()) < max_split) {
    size_t found = text.rfind(separator);
    if (found == std::string_view::npos) break;
    parts.push_back(text.substr(found + separator.size()));
    text = text.substr(0, found);
  }
  parts.push_back(text);
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  size_t start = 0;
  for (size_t i = 0; i < text.size();) {
    CodePoint c = decode_at(text, i);
    size_t next = i + c.length;
    if (is_line_end(c.value)) {
      if (c.value == U'\r' && next < text.size() && text[next] == '\n') ++next;
      lines.push_back(text.substr(start, (keep_ends ? next : i) - start));
      start = next;
    }
    i = next;
  }
  if (start < text.size()) lines.push_back(text.substr(start));
  return lines;
}

}  // namespace ix::chat::jinja
