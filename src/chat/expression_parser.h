// Expressions, in jinja2's grammar and order of precedence.
#pragma once

#include <initializer_list>
#include <string_view>

#include "chat/ast.h"
#include "chat/token_stream.h"

namespace ix::chat::jinja {

// Which of the names that a macro reacts to were read.
struct SpecialNames {
  bool caller = false;
  bool varargs = false;
  bool kwargs = false;
};

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& stream) : stream_(stream) {}

  ExpressionPtr expression(bool with_conditional = true);
  // One expression, or several with commas between them as a tuple; ends where `end_name` stands.
  ExpressionPtr tuple(bool with_conditional = true, std::string_view end_name = {});
  // What may stand left of "=" or "in".
  ExpressionPtr target(bool with_namespace, std::string_view end_name = {});
  // "| a | b(c)": filters with a null operand innermost; null where there is none.
  ExpressionPtr block_filter(bool first_without_pipe);

  SpecialNames& special_names() { return special_names_; }

 private:
  ExpressionPtr conditional();
  ExpressionPtr logical_or();
  ExpressionPtr logical_and();
  ExpressionPtr logical_not();
  ExpressionPtr comparison();
  ExpressionPtr sum();
  ExpressionPtr concat();
  ExpressionPtr product();
  ExpressionPtr power();
  ExpressionPtr unary(bool with_filter = true);
  ExpressionPtr primary(bool with_namespace = false);
  ExpressionPtr name(bool with_namespace);
  ExpressionPtr parenthesised();
  ExpressionPtr list();
  ExpressionPtr dict();
  ExpressionPtr postfix(ExpressionPtr node);
  ExpressionPtr filters_and_tests(ExpressionPtr node);
  ExpressionPtr attribute(ExpressionPtr object);
  ExpressionPtr subscript(ExpressionPtr object);
  ExpressionPtr subscript_key(ExpressionPtr& object, bool& is_slice);
  ExpressionPtr call(ExpressionPtr callee);
  ExpressionPtr filter(ExpressionPtr input);
  ExpressionPtr test(ExpressionPtr value);
  CallArguments call_arguments();
  bool one_argument(CallArguments& arguments);
  bool at_tuple_end(std::string_view end_name) const;
  std::string dotted_name();
  bool skip_comparison(CompareOperator& op);

  ExpressionPtr make(ExpressionKind kind, int line) const;
  // Sets the height from the parts, refusing trees that are too high.
  ExpressionPtr seal(ExpressionPtr node) const;
  template <typename... Parts>
  ExpressionPtr make_of(ExpressionKind kind, int line, Parts... parts) const {
    ExpressionPtr node = make(kind, line);
    (node->operands.push_back(std::move(parts)), ...);
    return seal(std::move(node));
  }

  TokenStream& stream_;
  SpecialNames special_names_;
};

}  // namespace ix::chat::jinja
