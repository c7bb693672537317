// Jinja's tests: what may stand after "is".
#include <fmt/format.h>

#include "chat/access.h"
#include "chat/builtins.h"
#include "chat/methods.h"
#include "chat/operations.h"
#include "chat/printing.h"

namespace ix::chat::jinja {
namespace {

using Check = bool (*)(const Value& value);

template <Check check>
bool simple(Runtime&, const Value& input, Arguments& arguments) {
  bind_arguments("a test", arguments, {});
  return check(input);
}

bool is_defined(const Value& v) { return !v.is_undefined(); }
bool is_undefined(const Value& v) { return v.is_undefined(); }
bool is_none(const Value& v) { return v.is_none(); }
bool is_boolean(const Value& v) { return v.is(Kind::boolean); }
bool is_true(const Value& v) { return v.is(Kind::boolean) && v.as_boolean(); }
bool is_false(const Value& v) { return v.is(Kind::boolean) && !v.as_boolean(); }
bool is_integer(const Value& v) { return v.is(Kind::integer); }
bool is_real(const Value& v) { return v.is(Kind::real); }
bool is_number(const Value& v) { return v.is_number(); }
bool is_string(const Value& v) { return v.is_string(); }
bool is_mapping(const Value& v) { return v.is(Kind::dict); }
bool is_callable(const Value& v) { return v.is(Kind::callable) || v.is_undefined(); }
bool is_escaped(const Value& v) { return v.is_string() && v.string().markup; }

bool is_sequence(const Value& v) {
  if (v.is(Kind::sequence)) return v.sequence().type <= SequenceKind::range;
  return v.is_undefined() || v.is_string() || v.is(Kind::dict);
}

template <const char* const& method>
bool by_text_method(Runtime& runtime, const Value& input, Arguments& arguments) {
  bind_arguments("a test", arguments, {});
  Arguments none;
  return truthy(find_string_method(method)(runtime, runtime.string(to_text(runtime, input)), none));
}
constexpr const char* kIsUpper = "isupper";
constexpr const char* kIsLower = "islower";

template <CompareOperator op>
bool compares(Runtime& runtime, const Value& input, Arguments& arguments) {
  auto bound = bind_arguments("a comparing test", arguments, {"other"}, 1);
  return compare(runtime, op, input, *bound[0]);
}

bool remainder_is(Runtime& runtime, const Value& input, const Value& divisor, int64_t wanted) {
  Value remainder = binary(runtime, BinaryOperator::modulo, input, divisor);
  return equal(runtime, remainder, Value::integer(wanted));
}

bool is_odd(Runtime& runtime, const Value& input, Arguments& arguments) {
  bind_arguments("odd", arguments, {});
  return remainder_is(runtime, input, Value::integer(2), 1);
}
bool is_even(Runtime& runtime, const Value& input, Arguments& arguments) {
  bind_arguments("even", arguments, {});
  return remainder_is(runtime, input, Value::integer(2), 0);
}
bool is_divisible(Runtime& runtime, const Value& input, Arguments& arguments) {
  auto bound = bind_arguments("divisibleby", arguments, {"num"}, 1);
  return remainder_is(runtime, input, *bound[0], 0);
}

bool is_same(Runtime& runtime, const Value& input, Arguments& arguments) {
  auto bound = bind_arguments("sameas", arguments, {"other"}, 1);
  const Value& other = *bound[0];
  if (input.kind() != other.kind()) return false;
  if (input.pointer()) return input.pointer() == other.pointer();
  return equal(runtime, input, other);
}

bool iterable(Runtime&, const Value& input, Arguments& arguments) {
  bind_arguments("iterable", arguments, {});
  return is_iterable(input);
}

bool filter_exists(Runtime& runtime, const Value& input, Arguments& arguments) {
  bind_arguments("filter", arguments, {});
  return find_filter(to_text(runtime, input)) != nullptr;
}
bool test_exists(Runtime& runtime, const Value& input, Arguments& arguments) {
  bind_arguments("test", arguments, {});
  return find_predicate(to_text(runtime, input)) != nullptr;
}

}  // namespace

Predicate find_predicate(std::string_view name) {
  static const std::unordered_map<std::string_view, Predicate> kPredicates = {
      {"defined", simple<is_defined>},
      {"undefined", simple<is_undefined>},
      {"none", simple<is_none>},
      {"boolean", simple<is_boolean>},
      {"true", simple<is_true>},
      {"false", simple<is_false>},
      {"integer", simple<is_integer>},
      {"float", simple<is_real>},
      {"number", simple<is_number>},
      {"string", simple<is_string>},
      {"mapping", simple<is_mapping>},
      {"sequence", simple<is_sequence>},
      {"callable", simple<is_callable>},
      {"escaped", simple<is_escaped>},
      {"iterable", iterable},
      {"upper", by_text_method<kIsUpper>},
      {"lower", by_text_method<kIsLower>},
      {"odd", is_odd},
      {"even", is_even},
      {"divisibleby", is_divisible},
      {"sameas", is_same},
      {"filter", filter_exists},
      {"test", test_exists},
      {"in", compares<CompareOperator::in>},
      {"==", compares<CompareOperator::equal>},
      {"eq", compares<CompareOperator::equal>},
      {"equalto", compares<CompareOperator::equal>},
      {"!=", compares<CompareOperator::not_equal>},
      {"ne", compares<CompareOperator::not_equal>},
      {">", compares<CompareOperator::greater>},
      {"gt", compares<CompareOperator::greater>},
      {"greaterthan", compares<CompareOperator::greater>},
      {">=", compares<CompareOperator::greater_equal>},
      {"ge", compares<CompareOperator::greater_equal>},
      {"<", compares<CompareOperator::less>},
      {"lt", compares<CompareOperator::less>},
      {"lessthan", compares<CompareOperator::less>},
      {"<=", compares<CompareOperator::less_equal>},
      {"le", compares<CompareOperator::less_equal>},
  };
  auto found = kPredicates.find(name);
  return found == kPredicates.end() ? nullptr : found->second;
}

}  // namespace ix::chat::jinja
