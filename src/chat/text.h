// Python's view of text: UTF-8 bytes as code points, its classes of characters and case mapping.
// Bytes that are not UTF-8 count as one code point each and are passed on unchanged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ix::chat::jinja {

struct CodePoint {
  char32_t value;  // 0xDC00 + byte for a byte that is not UTF-8, as Python's surrogateescape
  uint8_t length;  // bytes
};

CodePoint decode_at(std::string_view text, size_t position);
void append_code_point(std::string& out, char32_t code_point);
size_t count_code_points(std::string_view text);
// Byte offset of the code point with this index; text.size() beyond the end.
size_t byte_offset(std::string_view text, size_t index);

bool is_space(char32_t c);
bool is_alpha(char32_t c);
bool is_decimal(char32_t c);
bool is_digit(char32_t c);
bool is_numeric(char32_t c);
bool is_upper(char32_t c);
bool is_lower(char32_t c);
bool is_cased(char32_t c);
bool is_printable(char32_t c);

// At least one character `has`, and none `forbids`.
bool is_all_case(std::string_view text, bool (*has)(char32_t), bool (*forbids)(char32_t));

std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);
std::string capitalize(std::string_view text);
std::string title_case(std::string_view text);  // str.title
std::string swap_case(std::string_view text);

enum class Side { left, right, both };
std::string_view strip(std::string_view text, Side side);
std::string_view strip(std::string_view text, Side side, std::string_view characters);

// str.split and its relatives; max_split < 0 is no limit.
std::vector<std::string_view> split_space(std::string_view text, int64_t max_split);
std::vector<std::string_view> rsplit_space(std::string_view text, int64_t max_split);
std::vector<std::string_view> split_on(std::string_view text, std::string_view separator,
                                       int64_t max_split);
std::vector<std::string_view> rsplit_on(std::string_view text, std::string_view separator,
                                        int64_t max_split);
std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends);

}  // namespace ix::chat::jinja
