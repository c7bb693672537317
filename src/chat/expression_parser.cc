#include "chat/expression_parser.h"

#include <fmt/format.h>

#include <algorithm>

namespace ix::chat::jinja {

ExpressionPtr ExpressionParser::make(ExpressionKind kind, int line) const {
  auto node = std::make_unique<Expression>();
  node->kind = kind;
  node->line = line;
  return node;
}

ExpressionPtr ExpressionParser::seal(ExpressionPtr node) const {
  int below = 0;
  auto include = [&](const ExpressionPtr& part) {
    if (part) below = std::max(below, part->height);
  };
  for (const ExpressionPtr& operand : node->operands) include(operand);
  for (const ExpressionPtr& argument : node->arguments.positional) include(argument);
  for (const auto& [name, argument] : node->arguments.named) include(argument);
  include(node->arguments.star);
  include(node->arguments.double_star);
  node->height = below + 1;
  if (node->height > kMaxParseDepth) stream_.too_deep();
  return node;
}

ExpressionPtr ExpressionParser::expression(bool with_conditional) {
  TokenStream::Nesting nesting(stream_);
  return with_conditional ? conditional() : logical_or();
}

ExpressionPtr ExpressionParser::conditional() {
  ExpressionPtr node = logical_or();
  while (stream_.is_name("if")) {
    int line = stream_.next().line;
    ExpressionPtr condition = logical_or();
    ExpressionPtr otherwise;
    if (stream_.skip_name("else")) {
      TokenStream::Nesting nesting(stream_);
      otherwise = conditional();
    }
    node = make_of(ExpressionKind::conditional, line, std::move(node), std::move(condition),
                   std::move(otherwise));
  }
  return node;
}

ExpressionPtr ExpressionParser::logical_or() {
  ExpressionPtr left = logical_and();
  while (stream_.is_name("or")) {
    int line = stream_.next().line;
    left = make_of(ExpressionKind::logical_or, line, std::move(left), logical_and());
  }
  return left;
}

ExpressionPtr ExpressionParser::logical_and() {
  ExpressionPtr left = logical_not();
  while (stream_.is_name("and")) {
    int line = stream_.next().line;
    left = make_of(ExpressionKind::logical_and, line, std::move(left), logical_not());
  }
  return left;
}

ExpressionPtr ExpressionParser::logical_not() {
  if (!stream_.is_name("not")) return comparison();
  TokenStream::Nesting nesting(stream_);
  int line = stream_.next().line;
  return make_of(ExpressionKind::logical_not, line, logical_not());
}

bool ExpressionParser::skip_comparison(CompareOperator& op) {
  constexpr std::pair<std::string_view, CompareOperator> kOperators[] = {
      {"==", CompareOperator::equal},  {"!=", CompareOperator::not_equal},
      {"<", CompareOperator::less},    {"<=", CompareOperator::less_equal},
      {">", CompareOperator::greater}, {">=", CompareOperator::greater_equal},
  };
  for (const auto& [text, known] : kOperators) {
    if (stream_.skip_operation(text)) {
      op = known;
      return true;
    }
  }
  if (stream_.skip_name("in")) {
    op = CompareOperator::in;
    return true;
  }
  const Token& ahead = stream_.look_ahead();
  if (stream_.is_name("not") && ahead.type == TokenType::name && ahead.text == "in") {
    stream_.next();
    stream_.next();
    op = CompareOperator::not_in;
    return true;
  }
  return false;
}

ExpressionPtr ExpressionParser::comparison() {
  int line = stream_.line();
  ExpressionPtr first = sum();
  CompareOperator op{};
  if (!skip_comparison(op)) return first;
  ExpressionPtr node = make(ExpressionKind::compare, line);
  node->operands.push_back(std::move(first));
  do {
    node->comparisons.push_back(op);
    node->operands.push_back(sum());
  } while (skip_comparison(op));
  return seal(std::move(node));
}

ExpressionPtr ExpressionParser::sum() {
  ExpressionPtr left = concat();
  while (stream_.is_operation("+") || stream_.is_operation("-")) {
    const Token& token = stream_.next();
    auto op = token.text == "+" ? BinaryOperator::add : BinaryOperator::subtract;
    left = make_of(ExpressionKind::binary, token.line, std::move(left), concat());
    left->binary = op;
  }
  return left;
}

ExpressionPtr ExpressionParser::concat() {
  int line = stream_.line();
  ExpressionPtr first = product();
  if (!stream_.is_operation("~")) return first;
  ExpressionPtr node = make(ExpressionKind::concat, line);
  node->operands.push_back(std::move(first));
  while (stream_.skip_operation("~")) node->operands.push_back(product());
  return seal(std::move(node));
}

ExpressionPtr ExpressionParser::product() {
  ExpressionPtr left = power();
  for (;;) {
    BinaryOperator op{};
    if (stream_.is_operation("*")) {
      op = BinaryOperator::multiply;
    } else if (stream_.is_operation("/")) {
      op = BinaryOperator::divide;
    } else if (stream_.is_operation("//")) {
      op = BinaryOperator::floor_divide;
    } else if (stream_.is_operation("%")) {
      op = BinaryOperator::modulo;
    } else {
      return left;
    }
    int line = stream_.next().line;
    left = make_of(ExpressionKind::binary, line, std::move(left), power());
    left->binary = op;
  }
}

ExpressionPtr ExpressionParser::power() {
  ExpressionPtr left = unary();
  while (stream_.is_operation("**")) {
    int line = stream_.next().line;
    left = make_of(ExpressionKind::binary, line, std::move(left), unary());
    left->binary = BinaryOperator::power;
  }
  return left;
}

ExpressionPtr ExpressionParser::unary(bool with_filter) {
  TokenStream::Nesting nesting(stream_);
  ExpressionPtr node;
  if (stream_.is_operation("-") || stream_.is_operation("+")) {
    const Token& token = stream_.next();
    node = make_of(token.text == "-" ? ExpressionKind::negate : ExpressionKind::plus, token.line,
                   unary(false));
  } else {
    node = primary();
  }
  node = postfix(std::move(node));
  return with_filter ? filters_and_tests(std::move(node)) : std::move(node);
}

ExpressionPtr ExpressionParser::name(bool with_namespace) {
  const Token& token = stream_.next();
  const std::string& text = token.text;
  if (text == "true" || text == "True" || text == "false" || text == "False") {
    ExpressionPtr node = make(ExpressionKind::boolean, token.line);
    node->integer = text == "true" || text == "True" ? 1 : 0;
    return node;
  }
  if (text == "none" || text == "None") return make(ExpressionKind::none, token.line);
  if (with_namespace && stream_.skip_operation(".")) {
    ExpressionPtr node = make(ExpressionKind::namespace_target, token.line);
    node->text = text;
    node->attribute = stream_.expect_any_name();
    return node;
  }
  if (text == "caller") special_names_.caller = true;
  if (text == "varargs") special_names_.varargs = true;
  if (text == "kwargs") special_names_.kwargs = true;
  ExpressionPtr node = make(ExpressionKind::name, token.line);
  node->text = text;
  return node;
}

ExpressionPtr ExpressionParser::primary(bool with_namespace) {
  const Token& token = stream_.current();
  if (token.type == TokenType::name) return name(with_namespace);
  if (token.type == TokenType::string) {
    ExpressionPtr node = make(ExpressionKind::string, token.line);
    while (stream_.is(TokenType::string)) node->text += stream_.next().text;
    return node;
  }
  if (token.type == TokenType::integer) {
    ExpressionPtr node = make(ExpressionKind::integer, token.line);
    node->integer = stream_.next().integer;
    return node;
  }
  if (token.type == TokenType::real) {
    ExpressionPtr node = make(ExpressionKind::real, token.line);
    node->real = stream_.next().real;
    return node;
  }
  if (stream_.is_operation("(")) return parenthesised();
  if (stream_.is_operation("[")) return list();
  if (stream_.is_operation("{")) return dict();
  stream_.unexpected();
}

bool ExpressionParser::at_tuple_end(std::string_view end_name) const {
  return stream_.is(TokenType::variable_end) || stream_.is(TokenType::block_end) ||
         stream_.is_operation(")") || (!end_name.empty() && stream_.is_name(end_name));
}

ExpressionPtr ExpressionParser::tuple(bool with_conditional, std::string_view end_name) {
  int line = stream_.line();
  if (at_tuple_end(end_name)) {
    stream_.error(fmt::format("expected an expression, got {}", stream_.describe()));
  }
  ExpressionPtr first = expression(with_conditional);
  if (!stream_.is_operation(",")) return first;
  ExpressionPtr node = make(ExpressionKind::tuple, line);
  node->operands.push_back(std::move(first));
  while (stream_.skip_operation(",") && !at_tuple_end(end_name)) {
    node->operands.push_back(expression(with_conditional));
  }
  return seal(std::move(node));
}

ExpressionPtr ExpressionParser::parenthesised() {
  int line = stream_.next().line;
  ExpressionPtr node = stream_.is_operation(")") ? make(ExpressionKind::tuple, line) : tuple();
  stream_.expect_operation(")");
  return node;
}

ExpressionPtr ExpressionParser::list() {
  ExpressionPtr node = make(ExpressionKind::list, stream_.next().line);
  while (!stream_.is_operation("]")) {
    if (!node->operands.empty()) stream_.expect_operation(",");
    if (stream_.is_operation("]")) break;
    node->operands.push_back(expression());
  }
  stream_.expect_operation("]");
  return seal(std::move(node));
}

ExpressionPtr ExpressionParser::dict() {
  ExpressionPtr node = make(ExpressionKind::dict, stream_.next().line);
  while (!stream_.is_operation("}")) {
    if (!node->operands.empty()) stream_.expect_operation(",");
    if (stream_.is_operation("}")) break;
    node->operands.push_back(expression());
    stream_.expect_operation(":");
    node->operands.push_back(expression());
  }
  stream_.expect_operation("}");
  return seal(std::move(node));
}

namespace {

bool assignable(const Expression& node) {
  if (node.kind == ExpressionKind::name || node.kind == ExpressionKind::namespace_target)
    return true;
  return node.kind == ExpressionKind::tuple &&
         std::all_of(node.operands.begin(), node.operands.end(),
                     [](const ExpressionPtr& part) { return assignable(*part); });
}

}  // namespace

ExpressionPtr ExpressionParser::target(bool with_namespace, std::string_view end_name) {
  int line = stream_.line();
  ExpressionPtr node;
  if (at_tuple_end(end_name)) stream_.unexpected();
  const SpecialNames before = special_names_;
  node = primary(with_namespace);
  if (stream_.is_operation(",")) {
    ExpressionPtr names = make(ExpressionKind::tuple, line);
    names->operands.push_back(std::move(node));
    while (stream_.skip_operation(",") && !at_tuple_end(end_name)) {
      names->operands.push_back(primary(with_namespace));
    }
    node = seal(std::move(names));
  }
  special_names_ = before;
  if (!assignable(*node)) stream_.error("cannot assign to this", line);
  return node;
}

}  // namespace ix::chat::jinja
