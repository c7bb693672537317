// Attributes and methods of values: "x".strip, {}.items, loop-like objects' own.
#pragma once

#include <optional>
#include <string_view>

#include "chat/runtime.h"
#include "chat/value.h"

namespace ix::chat::jinja {

using Method = Value (*)(Runtime& runtime, const Value& self, Arguments& arguments);

// nullptr where Python's type has no such method (or only one that the sandbox refuses).
Method find_string_method(std::string_view name);
Method find_string_predicate(std::string_view name);  // of the string methods, isalpha and its like
Method find_list_method(std::string_view name);
Method find_dict_method(std::string_view name);

// str.replace; limit < 0 replaces all.
std::string replace_text(Runtime& runtime, std::string_view text, std::string_view old_text,
                         std::string_view new_text, int64_t limit);

// getattr(object, name); nullopt for AttributeError.
std::optional<Value> find_attribute(Runtime& runtime, const Value& object, std::string_view name);

}  // namespace ix::chat::jinja
