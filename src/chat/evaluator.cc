// The interpreter's half for expressions.
#include <fmt/format.h>

#include "chat/access.h"
#include "chat/builtins.h"
#include "chat/interpreter.h"
#include "chat/nesting.h"
#include "chat/operations.h"
#include "chat/printing.h"

namespace ix::chat::jinja {

Value Interpreter::evaluate(const Expression& node, const ScopePtr& scope) {
  Nesting nesting(*this);
  line_ = node.line;
  switch (node.kind) {
    case ExpressionKind::none:
    case ExpressionKind::boolean:
    case ExpressionKind::integer:
    case ExpressionKind::real:
    case ExpressionKind::string:
    case ExpressionKind::name:
    case ExpressionKind::namespace_target:
      return evaluate_scalar(node, scope);
    case ExpressionKind::list:
    case ExpressionKind::tuple:
    case ExpressionKind::dict:
      return evaluate_collection(node, scope);
    case ExpressionKind::attribute:
    case ExpressionKind::item:
    case ExpressionKind::slice:
      return evaluate_access(node, scope);
    case ExpressionKind::call:
      return call(node, scope, nullptr);
    case ExpressionKind::filter:
      return filter(node, scope, nullptr);
    case ExpressionKind::test:
      return test(node, scope);
    case ExpressionKind::binary: {
      Value left = evaluate(*node.operands[0], scope);
      Value right = evaluate(*node.operands[1], scope);
      line_ = node.line;
      return binary(runtime_, node.binary, left, right);
    }
    case ExpressionKind::concat:
      return concat(node, scope);
    default:
      return evaluate_logic(node, scope);
  }
}

Value Interpreter::evaluate_scalar(const Expression& node, const ScopePtr& scope) {
  switch (node.kind) {
    case ExpressionKind::boolean:
      return Value::boolean(node.integer != 0);
    case ExpressionKind::integer:
      return Value::integer(node.integer);
    case ExpressionKind::real:
      return Value::real(node.real);
    case ExpressionKind::string:
      return runtime_.string(node.text);
    case ExpressionKind::name:
      return look_up(node, scope);
    default:
      return {};
  }
}

Value Interpreter::look_up(const Expression& node, const ScopePtr& scope) {
  if (const Value* found = scope->find(node.text)) return *found;
  return runtime_.undefined(fmt::format("'{}' is undefined", node.text));
}

Value Interpreter::evaluate_collection(const Expression& node, const ScopePtr& scope) {
  if (node.kind == ExpressionKind::dict) {
    auto dict = runtime_.new_dict();
    for (size_t i = 0; i + 1 < node.operands.size(); i += 2) {
      Value key = evaluate(*node.operands[i], scope);
      dict->set(std::move(key), evaluate(*node.operands[i + 1], scope));
    }
    return runtime_.dict(std::move(dict));
  }
  Values items;
  items.reserve(node.operands.size());
  for (const ExpressionPtr& operand : node.operands) items.push_back(evaluate(*operand, scope));
  return runtime_.list(std::move(items), node.kind == ExpressionKind::list ? SequenceKind::list
                                                                           : SequenceKind::tuple);
}

Value Interpreter::evaluate_access(const Expression& node, const ScopePtr& scope) {
  if (node.kind == ExpressionKind::slice) return slice(node, scope);
  Value object = evaluate(*node.operands[0], scope);
  if (node.kind == ExpressionKind::attribute) {
    line_ = node.line;
    return get_attribute(runtime_, object, node.attribute);
  }
  Value key = evaluate(*node.operands[1], scope);
  line_ = node.line;
  return get_item(runtime_, object, key);
}

Value Interpreter::slice(const Expression& node, const ScopePtr& scope) {
  Value object = evaluate(*node.operands[0], scope);
  auto bound = [&](size_t i) {
    return node.operands[i] ? evaluate(*node.operands[i], scope) : Value();
  };
  Value start = bound(1);
  Value stop = bound(2);
  Value step = bound(3);
  return get_slice(runtime_, object, start, stop, step);
}

Value Interpreter::evaluate_logic(const Expression& node, const ScopePtr& scope) {
  switch (node.kind) {
    case ExpressionKind::negate:
      return negate(evaluate(*node.operands[0], scope));
    case ExpressionKind::plus:
      return unary_plus(evaluate(*node.operands[0], scope));
    case ExpressionKind::logical_not:
      return Value::boolean(!truthy(evaluate(*node.operands[0], scope)));
    case ExpressionKind::logical_and: {
      Value left = evaluate(*node.operands[0], scope);
      return truthy(left) ? evaluate(*node.operands[1], scope) : left;
    }
    case ExpressionKind::logical_or: {
      Value left = evaluate(*node.operands[0], scope);
      return truthy(left) ? left : evaluate(*node.operands[1], scope);
    }
    case ExpressionKind::compare:
      return compare_chain(node, scope);
    default:
      return conditional(node, scope);
  }
}

Value Interpreter::compare_chain(const Expression& node, const ScopePtr& scope) {
  Value left = evaluate(*node.operands[0], scope);
  for (size_t i = 0; i < node.comparisons.size(); ++i) {
    Value right = evaluate(*node.operands[i + 1], scope);
    line_ = node.line;
    if (!compare(runtime_, node.comparisons[i], left, right)) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Value Interpreter::conditional(const Expression& node, const ScopePtr& scope) {
  if (truthy(evaluate(*node.operands[1], scope))) return evaluate(*node.operands[0], scope);
  if (node.operands[2]) return evaluate(*node.operands[2], scope);
  return runtime_.undefined(
      "the inline if-expression evaluated to false and no else section was defined.");
}

Value Interpreter::concat(const Expression& node, const ScopePtr& scope) {
  TextBuffer out(runtime_);
  for (const ExpressionPtr& operand : node.operands) {
    out.append(to_text(runtime_, evaluate(*operand, scope)));
  }
  return runtime_.string(out.release());
}

Arguments Interpreter::evaluate_arguments(const CallArguments& arguments, const ScopePtr& scope) {
  Arguments evaluated;
  evaluated.positional.reserve(arguments.positional.size());
  for (const ExpressionPtr& argument : arguments.positional) {
    evaluated.positional.push_back(evaluate(*argument, scope));
  }
  for (const auto& [name, argument] : arguments.named) {
    evaluated.named.emplace_back(name, evaluate(*argument, scope));
  }
  if (arguments.star || arguments.double_star) add_starred(arguments, scope, evaluated);
  return evaluated;
}

void Interpreter::add_starred(const CallArguments& arguments, const ScopePtr& scope,
                              Arguments& evaluated) {
  if (arguments.star) {
    Values more = iterate(runtime_, evaluate(*arguments.star, scope));
    evaluated.positional.insert(evaluated.positional.end(), more.begin(), more.end());
  }
  if (arguments.double_star) {
    Value named = evaluate(*arguments.double_star, scope);
    if (!named.is(Kind::dict)) fail("argument after ** must be a mapping");
    for (const auto& [key, value] : named.dict().entries) {
      if (!key.is_string()) fail("keywords must be strings");
      evaluated.named.emplace_back(key.text(), value);
    }
  }
}

Value Interpreter::call(const Expression& node, const ScopePtr& scope, const Value* caller) {
  Value callee = evaluate(*node.operands[0], scope);
  Arguments arguments = evaluate_arguments(node.arguments, scope);
  if (caller != nullptr) arguments.named.emplace_back("caller", *caller);
  line_ = node.line;
  if (callee.is_undefined()) fail(callee.text());
  if (!callee.is(Kind::callable)) {
    fail(fmt::format("'{}' object is not callable", type_name(callee)));
  }
  Value result = callee.callable().call(arguments);
  line_ = node.line;
  return result;
}

Value Interpreter::filter(const Expression& node, const ScopePtr& scope, const Value* block_input) {
  Value input;
  if (!node.operands[0]) {
    IX_CHECK(block_input != nullptr);  // only a block's filters have no operand
    input = *block_input;
  } else if (block_input != nullptr) {
    Nesting nesting(*this);
    input = filter(*node.operands[0], scope, block_input);
  } else {
    input = evaluate(*node.operands[0], scope);
  }
  Arguments arguments = evaluate_arguments(node.arguments, scope);
  line_ = node.line;
  Filter function = find_filter(node.text);
  if (function == nullptr) fail(fmt::format("No filter named '{}'.", node.text));
  return function(runtime_, input, arguments);
}

Value Interpreter::test(const Expression& node, const ScopePtr& scope) {
  Value input = evaluate(*node.operands[0], scope);
  Arguments arguments = evaluate_arguments(node.arguments, scope);
  line_ = node.line;
  Predicate predicate = find_predicate(node.text);
  if (predicate == nullptr) fail(fmt::format("No test named '{}'.", node.text));
  return Value::boolean(predicate(runtime_, input, arguments));
}

}  // namespace ix::chat::jinja
