#include "chat/interpreter.h"

#include <fmt/format.h>

#include "chat/access.h"
#include "chat/builtins.h"
#include "chat/loop_object.h"
#include "chat/nesting.h"
#include "chat/printing.h"

namespace ix::chat::jinja {
namespace {

// A macro, or the `caller` of a call block.
struct MacroObject : CallableObject {
  MacroObject(Interpreter& owner, const Signature& of, const Body& code, std::string own_name,
              ScopePtr scope)
      : CallableObject(owner.runtime()),
        interpreter(owner),
        signature(of),
        body(code),
        name(std::move(own_name)),
        closure(std::move(scope)) {
    charge(sizeof(MacroObject));
    depth = 1;
  }

  Value call(Arguments& arguments) override {
    return interpreter.call_macro(signature, body, name, closure, arguments);
  }
  std::optional<Value> attribute(std::string_view wanted) override {
    if (wanted == "name") return runtime.string(name);
    if (wanted == "catch_kwargs") return Value::boolean(signature.uses_kwargs);
    if (wanted == "catch_varargs") return Value::boolean(signature.uses_varargs);
    if (wanted == "caller") return Value::boolean(signature.uses_caller);
    if (wanted == "arguments") {
      Values names;
      for (const std::string& argument : signature.names) names.push_back(runtime.string(argument));
      return runtime.tuple(std::move(names));
    }
    return std::nullopt;
  }
  std::string describe() const override { return fmt::format("<Macro '{}'>", name); }
  std::string type_name() const override { return "Macro"; }

  Interpreter& interpreter;
  const Signature& signature;
  const Body& body;
  std::string name;
  ScopePtr closure;
};

}  // namespace

Interpreter::Interpreter(Runtime& runtime)
    : runtime_(runtime), globals_(std::make_shared<Scope>(nullptr)) {
  for (auto& [name, value] : make_globals(runtime)) globals_->set(name, std::move(value));
}

Interpreter::~Interpreter() {
  for (const ScopePtr& scope : captured_) scope->variables.clear();
}

void Interpreter::capture(const ScopePtr& scope) {
  if (scope->captured) return;
  scope->captured = true;
  runtime_.take(sizeof(Scope) + sizeof(ScopePtr));
  captured_.push_back(scope);
}

std::string Interpreter::run(const Body& body) {
  TextBuffer out(runtime_);
  ScopePtr scope = inner(globals_);
  execute(body, scope, out);
  return out.release();
}

void Interpreter::write(TextBuffer& out, std::string_view text) {
  const int64_t limit = runtime_.limits().max_output_bytes;
  if (static_cast<int64_t>(out.size() + text.size()) > limit) {
    fail_exhausted(fmt::format("more than {} bytes of output", limit));
  }
  out.append(text);
}

void Interpreter::emit(TextBuffer& out, const Value& value) {
  if (value.is_string()) {
    write(out, value.text());
  } else {
    write(out, to_text(runtime_, value));
  }
}

Flow Interpreter::execute(const Body& body, const ScopePtr& scope, TextBuffer& out) {
  for (const auto& statement : body) {
    Flow flow = execute(*statement, scope, out);
    if (flow != Flow::next) return flow;
  }
  return Flow::next;
}

Flow Interpreter::execute(const Statement& statement, const ScopePtr& scope, TextBuffer& out) {
  Nesting nesting(*this);
  line_ = statement.line;
  if (const auto* data = std::get_if<DataStatement>(&statement.node)) {
    write(out, data->text);
  } else if (const auto* print = std::get_if<PrintStatement>(&statement.node)) {
    for (const ExpressionPtr& value : print->values) emit(out, evaluate(*value, scope));
  } else if (const auto* choice = std::get_if<IfStatement>(&statement.node)) {
    return run_if(*choice, scope, out);
  } else if (const auto* loop = std::get_if<ForStatement>(&statement.node)) {
    return run_for(*loop, scope, evaluate(*loop->iterable, scope), 0, out);
  } else if (const auto* set = std::get_if<SetStatement>(&statement.node)) {
    assign(*set->target, evaluate(*set->value, scope), scope);
  } else if (const auto* set_block = std::get_if<SetBlockStatement>(&statement.node)) {
    return run_set_block(*set_block, scope);
  } else if (const auto* macro = std::get_if<MacroStatement>(&statement.node)) {
    scope->set(macro->name, make_macro(macro->signature, macro->body, macro->name, scope));
  } else if (const auto* call_block = std::get_if<CallStatement>(&statement.node)) {
    run_call_block(*call_block, scope, out);
  } else if (const auto* filtered = std::get_if<FilterStatement>(&statement.node)) {
    return run_filter_block(*filtered, scope, out);
  } else if (const auto* with = std::get_if<WithStatement>(&statement.node)) {
    return run_with(*with, scope, out);
  } else if (const auto* block = std::get_if<ScopeStatement>(&statement.node)) {
    return execute(block->body, inner(scope), out);
  } else if (std::holds_alternative<BreakStatement>(statement.node)) {
    return Flow::break_loop;
  } else if (std::holds_alternative<ContinueStatement>(statement.node)) {
    return Flow::continue_loop;
  } else if (const auto* load = std::get_if<LoadStatement>(&statement.node)) {
    fail(fmt::format("'{}' needs other templates, and a chat template has none", load->tag));
  }
  return Flow::next;
}

Flow Interpreter::run_if(const IfStatement& node, const ScopePtr& scope, TextBuffer& out) {
  for (const auto& [condition, body] : node.branches) {
    if (truthy(evaluate(*condition, scope))) return execute(body, scope, out);
  }
  return execute(node.otherwise, scope, out);
}

Values Interpreter::loop_items(const ForStatement& node, const ScopePtr& scope,
                               const Value& iterable) {
  Values items = iterate(runtime_, iterable);
  if (!node.filter) return items;
  MemoryHold hold(runtime_, items.size() * sizeof(Value));
  Values kept;
  for (Value& item : items) {
    ScopePtr turn = inner(scope);
    assign(*node.target, item, turn);
    if (truthy(evaluate(*node.filter, turn))) kept.push_back(std::move(item));
  }
  return kept;
}

Flow Interpreter::run_for(const ForStatement& node, const ScopePtr& scope, const Value& iterable,
                          int depth, TextBuffer& out) {
  line_ = node.target->line;
  const Values items = loop_items(node, scope, iterable);
  if (items.empty()) return execute(node.otherwise, inner(scope), out);
  MemoryHold hold(runtime_, items.size() * sizeof(Value));
  auto loop = std::make_shared<LoopObject>(*this, node, items, depth);
  struct Finish {
    LoopObject& loop;
    ~Finish() { loop.finish(); }
  } finish{*loop};
  if (node.recursive) {
    capture(scope);
    loop->set_scope(scope);
  }
  for (size_t i = 0; i < items.size(); ++i) {
    loop->set_index(i);
    ScopePtr turn = inner(scope);
    turn->set("loop", Value::object(Kind::callable, loop));
    assign(*node.target, items[i], turn);
    if (execute(node.body, turn, out) == Flow::break_loop) break;
  }
  return Flow::next;
}

Value Interpreter::call_loop(const ForStatement& loop, const ScopePtr& scope, const Value& iterable,
                             int depth) {
  CallNesting calls(*this);
  TextBuffer out(runtime_);
  run_for(loop, scope, iterable, depth, out);
  return runtime_.string(out.release());
}

void Interpreter::assign(const Expression& target, Value value, const ScopePtr& scope) {
  if (target.kind == ExpressionKind::name) {
    scope->set(target.text, std::move(value));
    return;
  }
  if (target.kind == ExpressionKind::namespace_target) {
    const Value* space = scope->find(target.text);
    if (space == nullptr || !space->is(Kind::name_space)) {
      fail("cannot assign attribute on non-namespace object");
    }
    // The value may be the last owner of the namespace that is being changed.
    Value keep = *space;
    keep.name_space().set(target.attribute, std::move(value));
    return;
  }
  Values parts = iterate(runtime_, value);
  if (parts.size() != target.operands.size()) {
    fail(fmt::format("cannot unpack {} values into {}", parts.size(), target.operands.size()));
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    assign(*target.operands[i], std::move(parts[i]), scope);
  }
}

Flow Interpreter::run_set_block(const SetBlockStatement& node, const ScopePtr& scope) {
  TextBuffer text(runtime_);
  Flow flow = execute(node.body, inner(scope), text);
  if (flow != Flow::next) return flow;
  Value value = runtime_.string(text.release());
  if (node.filter) value = filter(*node.filter, scope, &value);
  assign(*node.target, std::move(value), scope);
  return Flow::next;
}

Flow Interpreter::run_filter_block(const FilterStatement& node, const ScopePtr& scope,
                                   TextBuffer& out) {
  TextBuffer text(runtime_);
  Flow flow = execute(node.body, inner(scope), text);
  if (flow != Flow::next) return flow;
  Value value = runtime_.string(text.release());
  emit(out, filter(*node.filter, scope, &value));
  return Flow::next;
}

Flow Interpreter::run_with(const WithStatement& node, const ScopePtr& scope, TextBuffer& out) {
  ScopePtr body_scope = inner(scope);
  for (const auto& [target, value] : node.bindings) {
    assign(*target, evaluate(*value, scope), body_scope);
  }
  return execute(node.body, body_scope, out);
}

Value Interpreter::make_macro(const Signature& signature, const Body& body, std::string name,
                              const ScopePtr& scope) {
  capture(scope);
  return Value::object(Kind::callable, std::make_shared<MacroObject>(*this, signature, body,
                                                                     std::move(name), scope));
}

void Interpreter::run_call_block(const CallStatement& node, const ScopePtr& scope,
                                 TextBuffer& out) {
  Value caller = make_macro(node.signature, node.body, "caller", scope);
  emit(out, call(*node.call, scope, &caller));
}

namespace {

// The value of a named argument, removed; nullopt where it was not given.
std::optional<Value> take_named(Arguments& arguments, std::string_view name) {
  for (auto it = arguments.named.begin(); it != arguments.named.end(); ++it) {
    if (it->first != name) continue;
    Value value = std::move(it->second);
    arguments.named.erase(it);
    return value;
  }
  return std::nullopt;
}

}  // namespace

Value Interpreter::call_macro(const Signature& signature, const Body& body, std::string_view name,
                              const ScopePtr& closure, Arguments& arguments) {
  CallNesting calls(*this);
  ScopePtr scope = inner(closure);
  Values& given = arguments.positional;
  const size_t count = signature.names.size();
  std::vector<std::optional<Value>> bound(count);
  for (size_t i = 0; i < count; ++i) {
    bound[i] = i < given.size() ? given[i] : take_named(arguments, signature.names[i]);
  }
  if (signature.uses_caller) {
    auto caller = take_named(arguments, "caller");
    scope->set("caller", caller ? *caller : runtime_.undefined("No caller defined"));
  }
  if (signature.uses_kwargs) {
    auto named = runtime_.new_dict();
    for (const auto& [key, value] : arguments.named) named->set(runtime_.string(key), value);
    scope->set("kwargs", runtime_.dict(std::move(named)));
  } else if (!arguments.named.empty()) {
    fail(fmt::format("macro '{}' takes no keyword argument '{}'", name,
                     arguments.named.front().first));
  }
  if (signature.uses_varargs) {
    Values rest(given.begin() + static_cast<std::ptrdiff_t>(std::min(count, given.size())),
                given.end());
    scope->set("varargs", runtime_.tuple(std::move(rest)));
  } else if (given.size() > count) {
    fail(fmt::format("macro '{}' takes not more than {} argument(s)", name, count));
  }
  const size_t required = count - signature.defaults.size();
  for (size_t i = 0; i < count; ++i) {
    if (bound[i]) {
      scope->set(signature.names[i], std::move(*bound[i]));
    } else if (i >= required) {
      scope->set(signature.names[i], evaluate(*signature.defaults[i - required], scope));
    } else {
      scope->set(signature.names[i], runtime_.undefined(fmt::format(
                                         "parameter '{}' was not provided", signature.names[i])));
    }
  }
  TextBuffer out(runtime_);
  execute(body, scope, out);
  return runtime_.string(out.release());
}

}  // namespace ix::chat::jinja
