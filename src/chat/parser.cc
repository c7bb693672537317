#include "chat/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <unordered_map>

#include "chat/expression_parser.h"
#include "chat/lexer.h"
#include "chat/token_stream.h"
#include "chat/value.h"

namespace ix::chat::jinja {
namespace {

using StatementPtr = std::unique_ptr<Statement>;

template <typename Node>
StatementPtr make_statement(int line, Node node) {
  auto statement = std::make_unique<Statement>();
  statement->line = line;
  statement->node = std::move(node);
  return statement;
}

class Parser {
 public:
  explicit Parser(TokenStream& stream) : stream_(stream), expressions_(stream) {}

  Body run() {
    Body body = statements({});
    if (!stream_.is(TokenType::end)) stream_.unexpected();
    return body;
  }

 private:
  using EndNames = std::initializer_list<std::string_view>;

  // Up to "{%" followed by one of the names, which stays the current token.
  Body statements(EndNames end_names) {
    TokenStream::Nesting nesting(stream_);
    Body body;
    while (!stream_.is(TokenType::end)) {
      const int line = stream_.line();
      if (stream_.is(TokenType::data)) {
        body.push_back(make_statement(line, DataStatement{stream_.next().text}));
      } else if (stream_.is(TokenType::variable_begin)) {
        stream_.next();
        PrintStatement print;
        print.values.push_back(expressions_.tuple());
        stream_.expect(TokenType::variable_end, "'}}'");
        body.push_back(make_statement(line, std::move(print)));
      } else if (stream_.is(TokenType::block_begin)) {
        stream_.next();
        auto is_current = [&](std::string_view name) { return stream_.is_name(name); };
        if (std::any_of(end_names.begin(), end_names.end(), is_current)) return body;
        body.push_back(statement());
        stream_.expect(TokenType::block_end, "'%}'");
      } else {
        stream_.unexpected();
      }
    }
    if (end_names.size() > 0) {
      stream_.error(fmt::format("unexpected end of template, expected '{}'", *end_names.begin()));
    }
    return body;
  }

  // The rest of an opening tag and the body; the end name stays current.
  Body block(EndNames end_names) {
    stream_.skip_operation(":");
    stream_.expect(TokenType::block_end, "'%}'");
    return statements(end_names);
  }

  Body closed_block(std::string_view end_name) {
    Body body = block({end_name});
    stream_.next();
    return body;
  }

  StatementPtr statement() {
    using Rule = StatementPtr (Parser::*)(int);
    static const std::unordered_map<std::string_view, Rule> kRules = {
        {"for", &Parser::for_loop},
        {"if", &Parser::conditional},
        {"set", &Parser::set},
        {"macro", &Parser::macro},
        {"call", &Parser::call_block},
        {"filter", &Parser::filter_block},
        {"with", &Parser::with},
        {"generation", &Parser::generation},
        {"block", &Parser::named_block},
        {"autoescape", &Parser::autoescape},
        {"print", &Parser::print},
        {"break", &Parser::loop_control},
        {"continue", &Parser::loop_control},
        {"include", &Parser::load},
        {"import", &Parser::load},
        {"from", &Parser::load},
        {"extends", &Parser::load},
    };
    if (!stream_.is(TokenType::name)) {
      stream_.error(fmt::format("tag name expected, got {}", stream_.describe()));
    }
    auto rule = kRules.find(stream_.current().text);
    if (rule == kRules.end()) {
      stream_.error(fmt::format("unknown tag '{}'", stream_.current().text));
    }
    return (this->*rule->second)(stream_.line());
  }

  StatementPtr for_loop(int line) {
    stream_.next();
    ForStatement loop;
    loop.target = expressions_.target(false, "in");
    stream_.expect_name("in");
    loop.iterable = expressions_.tuple(false, "recursive");
    if (stream_.skip_name("if")) loop.filter = expressions_.expression();
    loop.recursive = stream_.skip_name("recursive");
    ++loop_depth_;
    loop.body = block({"endfor", "else"});
    --loop_depth_;
    if (stream_.next().text == "else") loop.otherwise = closed_block("endfor");
    return make_statement(line, std::move(loop));
  }

  StatementPtr conditional(int line) {
    IfStatement node;
    do {
      stream_.next();
      ExpressionPtr condition = expressions_.tuple(false);
      Body body = block({"elif", "else", "endif"});
      node.branches.emplace_back(std::move(condition), std::move(body));
    } while (stream_.is_name("elif"));
    if (stream_.next().text == "else") node.otherwise = closed_block("endif");
    return make_statement(line, std::move(node));
  }

  StatementPtr set(int line) {
    stream_.next();
    ExpressionPtr target = expressions_.target(true);
    if (stream_.skip_operation("=")) {
      return make_statement(line, SetStatement{std::move(target), expressions_.tuple()});
    }
    SetBlockStatement node;
    node.target = std::move(target);
    node.filter = expressions_.block_filter(false);
    node.body = closed_block("endset");
    return make_statement(line, std::move(node));
  }

  Signature signature() {
    Signature signature;
    stream_.expect_operation("(");
    while (!stream_.is_operation(")")) {
      if (!signature.names.empty()) stream_.expect_operation(",");
      std::string name = stream_.expect_any_name();
      auto& names = signature.names;
      if (std::find(names.begin(), names.end(), name) != names.end()) {
        stream_.error(fmt::format("duplicate argument '{}'", name));
      }
      if (stream_.skip_operation("=")) {
        signature.defaults.push_back(expressions_.expression());
      } else if (!signature.defaults.empty()) {
        stream_.error("non-default argument follows default argument");
      }
      names.push_back(std::move(name));
    }
    stream_.expect_operation(")");
    return signature;
  }

  // A body that is a function of its own: no loop around it, and its own special names.
  Body function_body(Signature& signature, std::string_view end_name) {
    SpecialNames& special = expressions_.special_names();
    const SpecialNames outer = special;
    const int outer_loops = loop_depth_;
    special = {};
    loop_depth_ = 0;
    Body body = closed_block(end_name);
    loop_depth_ = outer_loops;
    auto is_parameter = [&](std::string_view name) {
      return std::find(signature.names.begin(), signature.names.end(), name) !=
             signature.names.end();
    };
    signature.uses_caller = special.caller && !is_parameter("caller");
    signature.uses_varargs = special.varargs && !is_parameter("varargs");
    signature.uses_kwargs = special.kwargs && !is_parameter("kwargs");
    special = {outer.caller || special.caller, outer.varargs || special.varargs,
               outer.kwargs || special.kwargs};
    return body;
  }

  StatementPtr macro(int line) {
    stream_.next();
    MacroStatement node;
    node.name = stream_.expect_any_name();
    node.signature = signature();
    node.body = function_body(node.signature, "endmacro");
    return make_statement(line, std::move(node));
  }

  StatementPtr call_block(int line) {
    stream_.next();
    CallStatement node;
    if (stream_.is_operation("(")) node.signature = signature();
    node.call = expressions_.expression();
    if (node.call->kind != ExpressionKind::call) stream_.error("expected call", line);
    node.body = function_body(node.signature, "endcall");
    return make_statement(line, std::move(node));
  }

  StatementPtr filter_block(int line) {
    stream_.next();
    FilterStatement node;
    node.filter = expressions_.block_filter(true);
    node.body = closed_block("endfilter");
    return make_statement(line, std::move(node));
  }

  StatementPtr with(int line) {
    stream_.next();
    WithStatement node;
    while (!stream_.is(TokenType::block_end)) {
      if (!node.bindings.empty()) stream_.expect_operation(",");
      ExpressionPtr target = expressions_.target(false);
      stream_.expect_operation("=");
      node.bindings.emplace_back(std::move(target), expressions_.expression());
    }
    node.body = closed_block("endwith");
    return make_statement(line, std::move(node));
  }

  StatementPtr generation(int line) {
    stream_.next();
    // A call block in Hugging Face's extension, hence without a loop around it.
    Signature unused;
    return make_statement(line, ScopeStatement{function_body(unused, "endgeneration")});
  }

  StatementPtr autoescape(int line) {
    stream_.next();
    ExpressionPtr enabled = expressions_.expression();
    if (enabled->kind != ExpressionKind::boolean || enabled->integer != 0) {
      stream_.error("autoescape is not supported", line);
    }
    return make_statement(line, ScopeStatement{closed_block("endautoescape")});
  }

  StatementPtr named_block(int line) {
    stream_.next();
    std::string name = stream_.expect_any_name();
    stream_.skip_name("scoped");
    stream_.skip_name("required");
    Signature unused;
    ScopeStatement node{function_body(unused, "endblock")};
    stream_.skip_name(name);
    return make_statement(line, std::move(node));
  }

  StatementPtr print(int line) {
    stream_.next();
    PrintStatement node;
    while (!stream_.is(TokenType::block_end)) {
      if (!node.values.empty()) stream_.expect_operation(",");
      node.values.push_back(expressions_.expression());
    }
    return make_statement(line, std::move(node));
  }

  StatementPtr loop_control(int line) {
    const std::string& tag = stream_.next().text;
    if (loop_depth_ == 0) stream_.error(fmt::format("'{}' outside loop", tag), line);
    if (tag == "break") return make_statement(line, BreakStatement{});
    return make_statement(line, ContinueStatement{});
  }

  StatementPtr load(int line) {
    LoadStatement node{stream_.next().text};
    while (!stream_.is(TokenType::block_end) && !stream_.is(TokenType::end)) stream_.next();
    return make_statement(line, std::move(node));
  }

  TokenStream& stream_;
  ExpressionParser expressions_;
  int loop_depth_ = 0;
};

}  // namespace

Result<Body> parse_template(std::string_view source) {
  IX_ASSIGN_OR_RETURN(std::vector<Token> tokens, tokenize(source));
  TokenStream stream(std::move(tokens));
  try {
    return Parser(stream).run();
  } catch (const TemplateError& error) {
    return Status(error.code, error.message);
  }
}

}  // namespace ix::chat::jinja
