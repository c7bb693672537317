#include "tokenizer/text_index.h"

#include <xxhash.h>

#include <bit>

namespace ix::tokenizer {

TextIndex::TextIndex(std::span<const std::string_view> texts) : texts_(texts) {
  slots_.resize(std::bit_ceil(2 * texts.size() + 1));
  for (size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].empty()) continue;
    const uint64_t hash = XXH3_64bits(texts[i].data(), texts[i].size());
    slots_[slot_of(texts[i], hash)] = {static_cast<uint32_t>(hash >> 32), static_cast<TokenId>(i)};
  }
}

size_t TextIndex::slot_of(std::string_view text, uint64_t hash) const {
  const size_t mask = slots_.size() - 1;
  const auto tag = static_cast<uint32_t>(hash >> 32);
  size_t at = hash & mask;
  while (slots_[at].token != kNoToken &&
         (slots_[at].tag != tag || texts_[static_cast<size_t>(slots_[at].token)] != text)) {
    at = (at + 1) & mask;
  }
  return at;
}

TokenId TextIndex::find(std::string_view text) const {
  if (slots_.empty()) return kNoToken;
  return slots_[slot_of(text, XXH3_64bits(text.data(), text.size()))].token;
}

}  // namespace ix::tokenizer
