// Steps through bytes that may or may not be UTF-8 (as Unicode 15 defines it: no surrogates, no
// overlong forms, nothing beyond U+10FFFF).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ix::tokenizer {

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";  // U+FFFD

enum class Utf8State {
  valid,
  invalid,    // no character begins like this
  truncated,  // the bytes end within what may become a character
};

struct Utf8Step {
  // valid: bytes of the character. Otherwise: bytes of the longest beginning of a character, at
  // least 1 (the "maximal subpart" that Unicode recommends to replace by one U+FFFD).
  size_t length;
  Utf8State state;
};

// The step at the beginning of bytes, which are not empty.
Utf8Step utf8_step(std::string_view bytes);

bool is_valid_utf8(std::string_view bytes);

}  // namespace ix::tokenizer
