// The alphabet of byte-level BPE: every byte is written as one printable character. The bytes
// '!'..'~', 0xA1..0xAC and 0xAE..0xFF stand for the code point of the same number, the other 68 in
// ascending order for U+0100, U+0101, … (bytes_to_unicode of GPT-2's encoder).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ix::tokenizer {

// The character of a byte, as UTF-8 (one or two bytes).
std::string_view byte_character(uint8_t byte);

// Appends the bytes that text spells. What is not in the alphabet is appended as it stands.
void append_bytes_of(std::string_view text, std::string& out);

}  // namespace ix::tokenizer
