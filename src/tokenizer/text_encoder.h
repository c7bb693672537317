// What differs between SPM and BPE: how text without special tokens becomes tokens.
#pragma once

#include <string_view>
#include <vector>

#include "base/types.h"

namespace ix::tokenizer {

class TextEncoder {
 public:
  virtual ~TextEncoder() = default;

  // Appends the tokens of text. at_start: nothing, or a special token, stands before it.
  virtual void encode(std::string_view text, bool at_start, std::vector<TokenId>& out) const = 0;
};

}  // namespace ix::tokenizer
