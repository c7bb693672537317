#include "chat/operations.h"

#include <fmt/format.h>

#include <cmath>

#include "chat/access.h"
#include "chat/formatting.h"
#include "chat/printing.h"

namespace ix::chat::jinja {
namespace {

std::string_view symbol(BinaryOperator op) {
  constexpr std::string_view kSymbols[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};
  return kSymbols[static_cast<size_t>(op)];
}

[[noreturn]] void fail_operands(std::string_view op, const Value& a, const Value& b) {
  if (a.is_undefined()) fail(a.text());
  if (b.is_undefined()) fail(b.text());
  fail(fmt::format("unsupported operand type(s) for {}: '{}' and '{}'", op, type_name(a),
                   type_name(b)));
}

[[noreturn]] void fail_overflow() { fail_exhausted("an integer beyond 64 bits"); }

int64_t checked_power(int64_t base, int64_t exponent) {
  int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) fail_overflow();
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) {
      fail_overflow();
    }
  }
  return result;
}

Value divide_integers(BinaryOperator op, int64_t a, int64_t b) {
  if (b == 0) fail(op == BinaryOperator::divide ? "division by zero" : "integer modulo by zero");
  if (op == BinaryOperator::divide) {
    return Value::real(static_cast<double>(static_cast<long double>(a) / b));
  }
  if (b == -1) {
    if (op == BinaryOperator::modulo) return Value::integer(0);
    if (a == INT64_MIN) fail_overflow();
    return Value::integer(-a);
  }
  int64_t quotient = a / b;
  int64_t remainder = a % b;
  if (remainder != 0 && (remainder < 0) != (b < 0)) {
    --quotient;
    remainder += b;
  }
  return Value::integer(op == BinaryOperator::modulo ? remainder : quotient);
}

Value on_integers(BinaryOperator op, int64_t a, int64_t b) {
  int64_t result = 0;
  switch (op) {
    case BinaryOperator::add:
      if (__builtin_add_overflow(a, b, &result)) fail_overflow();
      return Value::integer(result);
    case BinaryOperator::subtract:
      if (__builtin_sub_overflow(a, b, &result)) fail_overflow();
      return Value::integer(result);
    case BinaryOperator::multiply:
      if (__builtin_mul_overflow(a, b, &result)) fail_overflow();
      return Value::integer(result);
    case BinaryOperator::power:
      if (b >= 0) {
        if (a == 0 || a == 1) return Value::integer(b == 0 ? 1 : a);
        if (a == -1) return Value::integer(b % 2 == 0 ? 1 : -1);
        return Value::integer(checked_power(a, b));
      }
      if (a == 0) fail("0.0 cannot be raised to a negative power");
      return Value::real(std::pow(static_cast<double>(a), static_cast<double>(b)));
    default:
      return divide_integers(op, a, b);
  }
}

Value on_reals(BinaryOperator op, double a, double b) {
  switch (op) {
    case BinaryOperator::add:
      return Value::real(a + b);
    case BinaryOperator::subtract:
      return Value::real(a - b);
    case BinaryOperator::multiply:
      return Value::real(a * b);
    case BinaryOperator::power: {
      if (a == 0 && b < 0) fail("0.0 cannot be raised to a negative power");
      if (a < 0 && std::floor(b) != b) fail("complex numbers are not supported");
      double power = std::pow(a, b);
      if (std::isinf(power) && std::isfinite(a) && std::isfinite(b)) {
        fail("(34, 'Numerical result out of range')");
      }
      return Value::real(power);
    }
    default:
      break;
  }
  if (b == 0) fail(op == BinaryOperator::divide ? "float division by zero" : "float modulo");
  if (op == BinaryOperator::divide) return Value::real(a / b);
  double remainder = std::fmod(a, b);
  if (remainder != 0) {
    if ((remainder < 0) != (b < 0)) remainder += b;
  } else {
    remainder = std::copysign(0.0, b);
  }
  if (op == BinaryOperator::modulo) return Value::real(remainder);
  double quotient = (a - remainder) / b;
  double floored = std::floor(quotient);
  if (quotient - floored > 0.5) floored += 1;
  return Value::real(quotient == 0 ? std::copysign(0.0, a / b) : floored);
}

Value concatenate(Runtime& runtime, const Value& a, const Value& b) {
  if (a.is_string() && b.is_string()) {
    bool markup = a.string().markup || b.string().markup;
    Value left = markup ? escape_html(runtime, a) : a;
    Value right = markup ? escape_html(runtime, b) : b;
    runtime.require(left.text().size() + right.text().size());
    return runtime.string(left.text() + right.text(), markup);
  }
  bool lists = a.is_sequence(SequenceKind::list) && b.is_sequence(SequenceKind::list);
  bool tuples = a.is_sequence(SequenceKind::tuple) && b.is_sequence(SequenceKind::tuple);
  if (!lists && !tuples) fail_operands("+", a, b);
  const Values& left = a.sequence().items;
  const Values& right = b.sequence().items;
  runtime.require_items(left.size() + right.size());
  Values items = left;
  items.insert(items.end(), right.begin(), right.end());
  return runtime.list(std::move(items), a.sequence().type);
}

Value repeat(Runtime& runtime, const Value& whole, int64_t count) {
  const auto times = static_cast<size_t>(count < 0 ? 0 : count);
  if (whole.is_string()) {
    const std::string& text = whole.text();
    size_t bytes = 0;
    if (__builtin_mul_overflow(text.size(), times, &bytes)) bytes = SIZE_MAX;
    runtime.require(bytes);
    std::string result;
    result.reserve(bytes);
    if (bytes > 0) {
      for (size_t i = 0; i < times; ++i) result += text;
    }
    return runtime.string(std::move(result), whole.string().markup);
  }
  const Values& items = whole.sequence().items;
  size_t total = 0;
  if (__builtin_mul_overflow(items.size(), times, &total)) total = SIZE_MAX;
  runtime.require_items(total);
  Values result;
  result.reserve(total);
  if (total > 0) {
    for (size_t i = 0; i < times; ++i) result.insert(result.end(), items.begin(), items.end());
  }
  return runtime.list(std::move(result), whole.sequence().type);
}

bool repeatable(const Value& value) {
  return value.is_string() || value.is_sequence(SequenceKind::list) ||
         value.is_sequence(SequenceKind::tuple);
}

bool equal_sequences(Runtime& runtime, const SequenceObject& a, const SequenceObject& b) {
  if (&a == &b) return true;
  if (a.type != b.type || a.type == SequenceKind::generator) return false;
  if (a.type == SequenceKind::values || a.items.size() != b.items.size()) return false;
  for (size_t i = 0; i < a.items.size(); ++i) {
    if (!equal(runtime, a.items[i], b.items[i])) return false;
  }
  return true;
}

bool equal_dicts(Runtime& runtime, const DictObject& a, const DictObject& b) {
  if (a.entries.size() != b.entries.size()) return false;
  for (const auto& [key, value] : a.entries) {
    const Value* other = b.find(key);
    if (other == nullptr || !equal(runtime, value, *other)) return false;
  }
  return true;
}

bool equal_numbers(const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return a.as_integer() == b.as_integer();
  auto wide = [](const Value& v) {
    return v.is_integral() ? static_cast<long double>(v.as_integer()) : v.as_real();
  };
  return wide(a) == wide(b);
}

bool less_numbers(const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return a.as_integer() < b.as_integer();
  auto wide = [](const Value& v) {
    return v.is_integral() ? static_cast<long double>(v.as_integer()) : v.as_real();
  };
  return wide(a) < wide(b);
}

}  // namespace

bool truthy(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
    case Kind::none:
      return false;
    case Kind::boolean:
    case Kind::integer:
      return value.as_integer() != 0;
    case Kind::real:
      return value.as_real() != 0;
    case Kind::string:
      return !value.text().empty();
    case Kind::sequence:
      return value.sequence().type == SequenceKind::generator || !value.sequence().items.empty();
    case Kind::dict:
      return !value.dict().entries.empty();
    case Kind::callable:
      return value.callable().size().value_or(1) != 0;
    case Kind::name_space:
      break;
  }
  return true;
}

bool equal(Runtime& runtime, const Value& a, const Value& b) {
  runtime.step();
  if (a.is_number() && b.is_number()) return equal_numbers(a, b);
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::undefined:
    case Kind::none:
      return true;
    case Kind::string:
      runtime.step_bytes(a.text().size());
      return a.text() == b.text();
    case Kind::sequence:
      return equal_sequences(runtime, a.sequence(), b.sequence());
    case Kind::dict:
      return equal_dicts(runtime, a.dict(), b.dict());
    default:
      return a.pointer() == b.pointer();
  }
}

bool less(Runtime& runtime, const Value& a, const Value& b) {
  runtime.step();
  if (a.is_number() && b.is_number()) return less_numbers(a, b);
  if (a.is_string() && b.is_string()) {
    runtime.step_bytes(std::min(a.text().size(), b.text().size()));
    return a.text() < b.text();
  }
  bool ordered = (a.is_sequence(SequenceKind::list) && b.is_sequence(SequenceKind::list)) ||
                 (a.is_sequence(SequenceKind::tuple) && b.is_sequence(SequenceKind::tuple));
  if (!ordered) {
    if (a.is_undefined()) fail(a.text());
    if (b.is_undefined()) fail(b.text());
    fail(fmt::format("'<' not supported between instances of '{}' and '{}'", type_name(a),
                     type_name(b)));
  }
  const Values& left = a.sequence().items;
  const Values& right = b.sequence().items;
  for (size_t i = 0; i < left.size() && i < right.size(); ++i) {
    if (!equal(runtime, left[i], right[i])) return less(runtime, left[i], right[i]);
  }
  return left.size() < right.size();
}

bool contains(Runtime& runtime, const Value& container, const Value& item) {
  if (container.is_string()) {
    if (item.is_undefined()) fail("'in <string>' requires string as left operand, not Undefined");
    if (!item.is_string()) {
      fail(fmt::format("'in <string>' requires string as left operand, not {}", type_name(item)));
    }
    runtime.step_bytes(container.text().size());
    return container.text().find(item.text()) != std::string::npos;
  }
  if (container.is(Kind::dict)) return container.dict().find(item) != nullptr;
  if (!is_iterable(container)) {
    fail(fmt::format("argument of type '{}' is not iterable", type_name(container)));
  }
  for (const Value& present : iterate(runtime, container)) {
    if (equal(runtime, present, item)) return true;
  }
  return false;
}

bool compare(Runtime& runtime, CompareOperator op, const Value& a, const Value& b) {
  switch (op) {
    case CompareOperator::equal:
      return equal(runtime, a, b);
    case CompareOperator::not_equal:
      return !equal(runtime, a, b);
    case CompareOperator::less:
      return less(runtime, a, b);
    case CompareOperator::greater:
      return less(runtime, b, a);
    case CompareOperator::less_equal:
      return less(runtime, a, b) || equal(runtime, a, b);
    case CompareOperator::greater_equal:
      return less(runtime, b, a) || equal(runtime, a, b);
    case CompareOperator::in:
      return contains(runtime, b, a);
    case CompareOperator::not_in:
      break;
  }
  return !contains(runtime, b, a);
}

Value binary(Runtime& runtime, BinaryOperator op, const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return on_integers(op, a.as_integer(), b.as_integer());
  if (a.is_number() && b.is_number()) return on_reals(op, a.as_real(), b.as_real());
  if (op == BinaryOperator::add) return concatenate(runtime, a, b);
  if (op == BinaryOperator::multiply && repeatable(a) && b.is_integral()) {
    return repeat(runtime, a, b.as_integer());
  }
  if (op == BinaryOperator::multiply && a.is_integral() && repeatable(b)) {
    return repeat(runtime, b, a.as_integer());
  }
  if (op == BinaryOperator::modulo && a.is_string()) return format_percent(runtime, a, b);
  fail_operands(symbol(op), a, b);
}

Value negate(const Value& value) {
  if (value.is_integral()) {
    if (value.as_integer() == INT64_MIN) fail_overflow();
    return Value::integer(-value.as_integer());
  }
  if (value.is(Kind::real)) return Value::real(-value.as_real());
  if (value.is_undefined()) fail(value.text());
  fail(fmt::format("bad operand type for unary -: '{}'", type_name(value)));
}

Value unary_plus(const Value& value) {
  if (value.is_integral()) return Value::integer(value.as_integer());
  if (value.is(Kind::real)) return value;
  if (value.is_undefined()) fail(value.text());
  fail(fmt::format("bad operand type for unary +: '{}'", type_name(value)));
}

Value escape_html(Runtime& runtime, const Value& value) {
  if (value.is_string() && value.string().markup) return value;
  TextBuffer out(runtime);
  for (char c : to_text(runtime, value)) {
    switch (c) {
      case '&':
        out.append("&amp;");
        break;
      case '<':
        out.append("&lt;");
        break;
      case '>':
        out.append("&gt;");
        break;
      case '"':
        out.append("&#34;");
        break;
      case '\'':
        out.append("&#39;");
        break;
      default:
        out.append(std::string_view(&c, 1));
    }
  }
  return runtime.string(out.release(), true);
}

}  // namespace ix::chat::jinja
