// What follows an operand: attributes, subscripts, calls, filters and tests.
#include "chat/expression_parser.h"

namespace ix::chat::jinja {

ExpressionPtr ExpressionParser::postfix(ExpressionPtr node) {
  for (;;) {
    if (stream_.is_operation(".")) {
      node = attribute(std::move(node));
    } else if (stream_.is_operation("[")) {
      node = subscript(std::move(node));
    } else if (stream_.is_operation("(")) {
      node = call(std::move(node));
    } else {
      return node;
    }
  }
}

ExpressionPtr ExpressionParser::filters_and_tests(ExpressionPtr node) {
  for (;;) {
    if (stream_.is_operation("|")) {
      stream_.next();
      node = filter(std::move(node));
    } else if (stream_.is_name("is")) {
      node = test(std::move(node));
    } else if (stream_.is_operation("(")) {
      node = call(std::move(node));
    } else {
      return node;
    }
  }
}

ExpressionPtr ExpressionParser::attribute(ExpressionPtr object) {
  int line = stream_.next().line;
  if (stream_.is(TokenType::integer)) {
    ExpressionPtr key = make(ExpressionKind::integer, line);
    key->integer = stream_.next().integer;
    return make_of(ExpressionKind::item, line, std::move(object), std::move(key));
  }
  ExpressionPtr node = make(ExpressionKind::attribute, line);
  node->operands.push_back(std::move(object));
  node->attribute = stream_.expect_any_name();
  return seal(std::move(node));
}

ExpressionPtr ExpressionParser::subscript_key(ExpressionPtr& object, bool& is_slice) {
  int line = stream_.line();
  ExpressionPtr first;
  if (!stream_.is_operation(":")) {
    first = expression();
    if (!stream_.is_operation(":")) return first;
  }
  is_slice = true;
  stream_.expect_operation(":");
  auto bound = [&]() -> ExpressionPtr {
    bool absent =
        stream_.is_operation("]") || stream_.is_operation(",") || stream_.is_operation(":");
    return absent ? nullptr : expression();
  };
  ExpressionPtr stop = bound();
  ExpressionPtr step;
  if (stream_.skip_operation(":")) step = bound();
  return make_of(ExpressionKind::slice, line, std::move(object), std::move(first), std::move(stop),
                 std::move(step));
}

ExpressionPtr ExpressionParser::subscript(ExpressionPtr object) {
  int line = stream_.next().line;
  if (stream_.is_operation("]")) stream_.unexpected();
  bool is_slice = false;
  ExpressionPtr key = subscript_key(object, is_slice);
  if (is_slice) {
    stream_.expect_operation("]");
    return key;
  }
  if (stream_.is_operation(",")) {
    ExpressionPtr keys = make(ExpressionKind::tuple, line);
    keys->operands.push_back(std::move(key));
    while (stream_.skip_operation(",")) keys->operands.push_back(expression());
    key = seal(std::move(keys));
  }
  stream_.expect_operation("]");
  return make_of(ExpressionKind::item, line, std::move(object), std::move(key));
}

ExpressionPtr ExpressionParser::call(ExpressionPtr callee) {
  ExpressionPtr node = make(ExpressionKind::call, stream_.line());
  node->operands.push_back(std::move(callee));
  node->arguments = call_arguments();
  return seal(std::move(node));
}

bool ExpressionParser::one_argument(CallArguments& arguments) {
  if (stream_.skip_operation("*")) {
    if (arguments.star || arguments.double_star) return false;
    arguments.star = expression();
    return true;
  }
  if (stream_.skip_operation("**")) {
    if (arguments.double_star) return false;
    arguments.double_star = expression();
    return true;
  }
  const Token& ahead = stream_.look_ahead();
  if (stream_.is(TokenType::name) && ahead.type == TokenType::operation && ahead.text == "=") {
    if (arguments.double_star) return false;
    std::string key = stream_.next().text;
    stream_.next();
    arguments.named.emplace_back(std::move(key), expression());
    return true;
  }
  if (arguments.star || arguments.double_star || !arguments.named.empty()) return false;
  arguments.positional.push_back(expression());
  return true;
}

CallArguments ExpressionParser::call_arguments() {
  int line = stream_.line();
  stream_.expect_operation("(");
  CallArguments arguments;
  bool first = true;
  while (!stream_.is_operation(")")) {
    if (!first) {
      stream_.expect_operation(",");
      if (stream_.is_operation(")")) break;
    }
    first = false;
    if (!one_argument(arguments)) stream_.error("invalid syntax for function call", line);
  }
  stream_.expect_operation(")");
  return arguments;
}

std::string ExpressionParser::dotted_name() {
  std::string name = stream_.expect_any_name();
  while (stream_.skip_operation(".")) name.append(1, '.').append(stream_.expect_any_name());
  return name;
}

ExpressionPtr ExpressionParser::filter(ExpressionPtr input) {
  ExpressionPtr node = make(ExpressionKind::filter, stream_.line());
  node->operands.push_back(std::move(input));
  node->text = dotted_name();
  if (stream_.is_operation("(")) node->arguments = call_arguments();
  return seal(std::move(node));
}

ExpressionPtr ExpressionParser::block_filter(bool first_without_pipe) {
  ExpressionPtr node;
  if (first_without_pipe) node = filter(nullptr);
  while (stream_.skip_operation("|")) node = filter(std::move(node));
  return node;
}

ExpressionPtr ExpressionParser::test(ExpressionPtr value) {
  int line = stream_.next().line;
  bool negated = stream_.skip_name("not");
  ExpressionPtr node = make(ExpressionKind::test, line);
  node->operands.push_back(std::move(value));
  node->text = dotted_name();
  const bool starts_argument = stream_.is(TokenType::name) || stream_.is(TokenType::string) ||
                               stream_.is(TokenType::integer) || stream_.is(TokenType::real) ||
                               stream_.is_operation("[") || stream_.is_operation("{");
  if (stream_.is_operation("(")) {
    node->arguments = call_arguments();
  } else if (starts_argument && !stream_.is_name("else") && !stream_.is_name("or") &&
             !stream_.is_name("and")) {
    if (stream_.is_name("is")) stream_.error("You cannot chain multiple tests with is");
    TokenStream::Nesting nesting(stream_);
    ExpressionPtr argument = primary();
    node->arguments.positional.push_back(postfix(std::move(argument)));
  }
  node = seal(std::move(node));
  return negated ? make_of(ExpressionKind::logical_not, line, std::move(node)) : std::move(node);
}

}  // namespace ix::chat::jinja
