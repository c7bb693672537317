// The parser's place in the tokens, and its limit of depth.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chat/lexer.h"

namespace ix::chat::jinja {

// Nesting of tags and expressions in a template; real ones stay below 30.
constexpr int kMaxParseDepth = 200;

class TokenStream {
 public:
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& current() const { return tokens_[at_]; }
  const Token& look_ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  int line() const { return current().line; }
  // The current token, passed.
  const Token& next();

  bool is(TokenType type) const { return current().type == type; }
  bool is_operation(std::string_view text) const {
    return is(TokenType::operation) && current().text == text;
  }
  bool is_name(std::string_view text) const {
    return is(TokenType::name) && current().text == text;
  }
  bool skip_operation(std::string_view text);
  bool skip_name(std::string_view text);
  void expect_operation(std::string_view text);
  void expect_name(std::string_view text);
  std::string expect_any_name();
  void expect(TokenType type, std::string_view shown);

  [[noreturn]] void error(std::string_view message, int line) const;
  [[noreturn]] void error(std::string_view message) const { error(message, line()); }
  [[noreturn]] void unexpected() const;
  std::string describe() const;

  // Counts nesting for as long as it lives.
  class Nesting {
   public:
    explicit Nesting(TokenStream& stream) : stream_(stream) {
      if (++stream_.depth_ > kMaxParseDepth) {
        --stream_.depth_;
        stream_.too_deep();
      }
    }
    ~Nesting() { --stream_.depth_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    TokenStream& stream_;
  };
  [[noreturn]] void too_deep() const;

 private:
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace ix::chat::jinja
