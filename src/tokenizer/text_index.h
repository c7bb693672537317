// Finds a token by its text: an open-addressing table of views into the file's vocabulary.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/types.h"

namespace ix::tokenizer {

class TextIndex {
 public:
  TextIndex() = default;
  // Empty texts are left out; of equal texts the last one is found. texts must outlive the index.
  explicit TextIndex(std::span<const std::string_view> texts);

  TokenId find(std::string_view text) const;  // kNoToken where there is none

 private:
  struct Slot {
    uint32_t tag = 0;  // upper bits of the hash
    TokenId token = kNoToken;
  };
  size_t slot_of(std::string_view text, uint64_t hash) const;  // its own, or the free one for it

  std::span<const std::string_view> texts_;
  std::vector<Slot> slots_;  // a power of two of them, at most half used
};

}  // namespace ix::tokenizer
