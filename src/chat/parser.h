// Template source to its tree.
#pragma once

#include <string_view>

#include "base/result.h"
#include "chat/ast.h"

namespace ix::chat::jinja {

// invalid_argument with the line for a template that does not parse.
Result<Body> parse_template(std::string_view source);

}  // namespace ix::chat::jinja
