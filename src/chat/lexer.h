// Template source to tokens, with jinja2's whitespace control (trim_blocks and lstrip_blocks on,
// one newline at the end dropped).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ix::chat::jinja {

enum class TokenType : uint8_t {
  data,
  variable_begin,
  variable_end,
  block_begin,
  block_end,
  name,
  string,
  integer,
  real,
  operation,  // text is the operator
  end
};

struct Token {
  TokenType type = TokenType::end;
  int line = 1;
  std::string text;
  int64_t integer = 0;
  double real = 0;
};

Result<std::vector<Token>> tokenize(std::string_view source);

}  // namespace ix::chat::jinja
