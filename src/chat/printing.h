// Values as text: Python's str() and repr(), and json.dumps.
#pragma once

#include <string>

#include "chat/runtime.h"
#include "chat/value.h"

namespace ix::chat::jinja {

std::string to_text(Runtime& runtime, const Value& value);  // str(value)
std::string to_repr(Runtime& runtime, const Value& value);  // repr(value)
// The shortest decimal that reads back as the same number, in Python's form ("1e-05", "1.0").
std::string real_text(double number);

struct JsonStyle {
  bool ensure_ascii = false;
  bool sort_keys = false;
  bool indented = false;
  std::string indent;  // one level, where indented
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};
std::string to_json(Runtime& runtime, const Value& value, const JsonStyle& style);

}  // namespace ix::chat::jinja
