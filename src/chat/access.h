// Reaching into values: length, iteration, x.name, x[key], x[a:b:c], as jinja2's immutable
// sandbox allows it.
#pragma once

#include <optional>
#include <string_view>

#include "chat/runtime.h"
#include "chat/value.h"

namespace ix::chat::jinja {

bool is_iterable(const Value& value);
// len(value); nullopt for what has none.
std::optional<int64_t> length_of(const Value& value);
// The items; of a generator, what is left, which is then used up. Fails for what has no items.
Values iterate(Runtime& runtime, const Value& value);
Value get_attribute(Runtime& runtime, const Value& object, std::string_view name);
Value get_item(Runtime& runtime, const Value& object, const Value& key);
// Bounds are none or integers.
Value get_slice(Runtime& runtime, const Value& object, const Value& start, const Value& stop,
                const Value& step);

}  // namespace ix::chat::jinja
