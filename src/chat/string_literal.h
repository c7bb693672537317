// The text that a string literal of a template stands for.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ix::chat::jinja {

// text: what lies between the quotes; a backslash in it has something behind it. Escapes are those
// of Python's "unicode-escape", but for \N{...}; a broken one is an error.
Result<std::string> unescape(std::string_view text);

}  // namespace ix::chat::jinja
