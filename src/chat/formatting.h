// Python's two ways to format: "%d" % x and "{:d}".format(x).
#pragma once

#include <string_view>

#include "chat/runtime.h"
#include "chat/value.h"

namespace ix::chat::jinja {

Value format_percent(Runtime& runtime, const Value& format, const Value& arguments);
// str.format, with the sandbox's rules for attributes.
Value format_braces(Runtime& runtime, const Value& format, const Arguments& arguments);

}  // namespace ix::chat::jinja
