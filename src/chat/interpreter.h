// Runs a parsed template.
#pragma once

#include <string>
#include <vector>

#include "chat/ast.h"
#include "chat/runtime.h"
#include "chat/scope.h"

namespace ix::chat::jinja {

enum class Flow : uint8_t { next, break_loop, continue_loop };

// Throws TemplateError; `line()` then tells where.
class Interpreter {
 public:
  explicit Interpreter(Runtime& runtime);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  void define(std::string_view name, Value value) { globals_->set(name, std::move(value)); }
  std::string run(const Body& body);
  int line() const { return line_; }
  Runtime& runtime() { return runtime_; }

  // For macros and recursive loops.
  Value call_macro(const Signature& signature, const Body& body, std::string_view name,
                   const ScopePtr& closure, Arguments& arguments);
  Value call_loop(const ForStatement& loop, const ScopePtr& scope, const Value& iterable,
                  int depth);

 private:
  friend class StatementRunner;

  // Counts nested evaluation for as long as it lives.
  class Nesting;
  class CallNesting;

  Value evaluate(const Expression& node, const ScopePtr& scope);
  Value evaluate_scalar(const Expression& node, const ScopePtr& scope);
  Value evaluate_collection(const Expression& node, const ScopePtr& scope);
  Value evaluate_access(const Expression& node, const ScopePtr& scope);
  Value evaluate_logic(const Expression& node, const ScopePtr& scope);
  Value look_up(const Expression& node, const ScopePtr& scope);
  Value concat(const Expression& node, const ScopePtr& scope);
  Value compare_chain(const Expression& node, const ScopePtr& scope);
  Value conditional(const Expression& node, const ScopePtr& scope);
  Value slice(const Expression& node, const ScopePtr& scope);
  Value call(const Expression& node, const ScopePtr& scope, const Value* caller);
  Value filter(const Expression& node, const ScopePtr& scope, const Value* block_input);
  Value test(const Expression& node, const ScopePtr& scope);
  Arguments evaluate_arguments(const CallArguments& arguments, const ScopePtr& scope);
  void add_starred(const CallArguments& arguments, const ScopePtr& scope, Arguments& evaluated);

  Flow execute(const Body& body, const ScopePtr& scope, TextBuffer& out);
  Flow execute(const Statement& statement, const ScopePtr& scope, TextBuffer& out);
  Flow run_if(const IfStatement& node, const ScopePtr& scope, TextBuffer& out);
  Flow run_for(const ForStatement& node, const ScopePtr& scope, const Value& iterable, int depth,
               TextBuffer& out);
  Flow run_set_block(const SetBlockStatement& node, const ScopePtr& scope);
  Flow run_filter_block(const FilterStatement& node, const ScopePtr& scope, TextBuffer& out);
  Flow run_with(const WithStatement& node, const ScopePtr& scope, TextBuffer& out);
  void run_call_block(const CallStatement& node, const ScopePtr& scope, TextBuffer& out);
  Value make_macro(const Signature& signature, const Body& body, std::string name,
                   const ScopePtr& scope);
  Values loop_items(const ForStatement& node, const ScopePtr& scope, const Value& iterable);
  void assign(const Expression& target, Value value, const ScopePtr& scope);
  void emit(TextBuffer& out, const Value& value);
  void write(TextBuffer& out, std::string_view text);
  ScopePtr inner(const ScopePtr& scope) { return std::make_shared<Scope>(scope); }
  void capture(const ScopePtr& scope);

  Runtime& runtime_;
  ScopePtr globals_;
  std::vector<ScopePtr> captured_;  // kept to the end, when what they hold is let go
  int line_ = 1;
  int nesting_ = 0;
  int calls_ = 0;
};

}  // namespace ix::chat::jinja
