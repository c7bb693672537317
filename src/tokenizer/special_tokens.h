// Finds special tokens in a text before anything else looks at it.
//
// The longest token wins wherever two overlap, then the leftmost: as if the text were searched for
// the longest token first and what is left of it for the next (the rule of llama.cpp, and of the
// tokenizers that it imitates), but in time linear in the text.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tokenizer/vocabulary.h"

namespace ix::tokenizer {

// A part of a text: a special token, or (kNoToken) text for the encoder.
struct Fragment {
  size_t begin;
  size_t end;
  TokenId token;
};

class SpecialTokens {
 public:
  // The tokens that have one of the attributes wanted and none of those unwanted.
  SpecialTokens(const Vocabulary& vocabulary, uint8_t wanted, uint8_t unwanted);

  // The parts of text in their order. White space that a token takes along is in no part.
  std::vector<Fragment> split(std::string_view text) const;

 private:
  struct Entry {
    std::string_view text;
    TokenId token;
    uint8_t attributes;
  };
  struct Range {
    uint32_t begin, end;
  };
  class Occupancy;

  // The longest token of at most limit bytes that begins at `at`, or null.
  const Entry* longest_at(std::string_view text, size_t at, size_t limit) const;
  std::vector<Fragment> choose(std::string_view text, Occupancy& taken) const;

  std::vector<Entry> entries_;  // by text
  std::array<Range, 256> by_first_byte_{};
};

}  // namespace ix::tokenizer
