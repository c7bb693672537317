// Python's operators on values.
#pragma once

#include <string_view>

#include "chat/runtime.h"
#include "chat/value.h"

namespace ix::chat::jinja {

enum class BinaryOperator : uint8_t {
  add,
  subtract,
  multiply,
  divide,
  floor_divide,
  modulo,
  power
};
enum class CompareOperator : uint8_t {
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  in,
  not_in
};

bool truthy(const Value& value);
bool equal(Runtime& runtime, const Value& a, const Value& b);
// a < b; fails for values without an order.
bool less(Runtime& runtime, const Value& a, const Value& b);
bool contains(Runtime& runtime, const Value& container, const Value& item);
bool compare(Runtime& runtime, CompareOperator op, const Value& a, const Value& b);
Value binary(Runtime& runtime, BinaryOperator op, const Value& a, const Value& b);
Value negate(const Value& value);
Value unary_plus(const Value& value);

// MarkupSafe's escape: markup is left as it is.
Value escape_html(Runtime& runtime, const Value& value);

}  // namespace ix::chat::jinja
