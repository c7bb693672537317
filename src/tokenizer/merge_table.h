// The merges of BPE: which two neighbours become what, and how early.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tokenizer/symbol_merger.h"
#include "tokenizer/vocabulary.h"

namespace ix::tokenizer {

// Symbols are numbers for texts: a token's id, or beyond the vocabulary a number for a text that
// occurs in merges only.
class MergeTable {
 public:
  // merges: "left right" in order. corrupt (naming the key) where one is not.
  static Result<MergeTable> build(std::span<const std::string_view> merges,
                                  const Vocabulary& vocabulary);

  Joined find(uint32_t left, uint32_t right) const;
  uint32_t byte_symbol(uint8_t byte) const { return byte_symbols_[byte]; }

 private:
  struct Slot {
    uint64_t pair = kFree;
    Joined joined;
  };
  static constexpr uint64_t kFree = UINT64_MAX;
  size_t slot_of(uint64_t pair) const;

  std::vector<Slot> slots_;  // a power of two of them, at most half used
  int shift_ = 0;            // 64 - log2(slots)
  std::array<uint32_t, 256> byte_symbols_{};
};

}  // namespace ix::tokenizer
