// Tokens that are known by their texts, as files seldom say what ends an answer. The lists are
// those of llama.cpp (src/llama-vocab.cpp, b11434), so that both stop at the same place.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "tokenizer/vocabulary.h"

namespace ix::tokenizer {

// One role: the keys that may name its token, and the texts to look for where they do not.
struct WellKnownToken {
  std::array<std::string_view, 2> keys;
  std::span<const std::string_view> texts;
  bool ends;  // ends a generation
};

extern const std::span<const WellKnownToken> kWellKnownTokens;

// Texts that end a generation wherever a vocabulary has them.
extern const std::span<const std::string_view> kEndTexts;

// Control tokens that are part of the answer's text (o200k_harmony).
extern const std::span<const std::string_view> kVisibleTexts;

// text does not end a generation in a vocabulary that ends it with all of beside.
struct EndException {
  std::string_view text;
  std::array<std::string_view, 2> beside;
  TokenAttributes becomes;
};
extern const std::span<const EndException> kEndExceptions;

}  // namespace ix::tokenizer
