#include "chat/token_stream.h"

#include <fmt/format.h>

#include "chat/value.h"

namespace ix::chat::jinja {

const Token& TokenStream::next() {
  const Token& token = tokens_[at_];
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool TokenStream::skip_operation(std::string_view text) {
  if (!is_operation(text)) return false;
  next();
  return true;
}

bool TokenStream::skip_name(std::string_view text) {
  if (!is_name(text)) return false;
  next();
  return true;
}

void TokenStream::expect_operation(std::string_view text) {
  if (!skip_operation(text)) error(fmt::format("expected '{}', got {}", text, describe()));
}

void TokenStream::expect_name(std::string_view text) {
  if (!skip_name(text)) error(fmt::format("expected '{}', got {}", text, describe()));
}

std::string TokenStream::expect_any_name() {
  if (!is(TokenType::name)) error(fmt::format("expected a name, got {}", describe()));
  return next().text;
}

void TokenStream::expect(TokenType type, std::string_view shown) {
  if (!is(type)) error(fmt::format("expected {}, got {}", shown, describe()));
  next();
}

void TokenStream::error(std::string_view message, int line) const {
  fail(fmt::format("line {}: {}", line, message));
}

void TokenStream::unexpected() const { error(fmt::format("unexpected {}", describe())); }

void TokenStream::too_deep() const {
  error(fmt::format("the template is nested deeper than {} levels", kMaxParseDepth));
}

std::string TokenStream::describe() const {
  switch (current().type) {
    case TokenType::data:
      return "template text";
    case TokenType::variable_begin:
      return "'{{'";
    case TokenType::variable_end:
      return "'}}'";
    case TokenType::block_begin:
      return "'{%'";
    case TokenType::block_end:
      return "'%}'";
    case TokenType::string:
      return "a string";
    case TokenType::end:
      return "the end of the template";
    default:
      return fmt::format("'{}'", current().text);
  }
}

}  // namespace ix::chat::jinja
