#include "tokenizer/merge_table.h"

#include <fmt/format.h>

#include <bit>
#include <string>
#include <unordered_map>

#include "tokenizer/byte_alphabet.h"

namespace ix::tokenizer {
namespace {

constexpr std::string_view kMergesKey = "tokenizer.ggml.merges";
constexpr size_t kMaxMerges = 1u << 28;
constexpr size_t kMaxMergeBytes = 32768;  // two of the longest tokens

// Gives every text its number.
class SymbolNumbers {
 public:
  explicit SymbolNumbers(const Vocabulary& vocabulary)
      : vocabulary_(vocabulary), next_(static_cast<uint32_t>(vocabulary.size())) {}

  uint32_t of(std::string_view text) {
    if (const TokenId token = vocabulary_.find(text); token != kNoToken) {
      return static_cast<uint32_t>(token);
    }
    const auto [found, is_new] = others_.try_emplace(std::string(text), next_);
    if (is_new) ++next_;
    return found->second;
  }

  uint32_t unused() { return next_++; }

 private:
  const Vocabulary& vocabulary_;
  uint32_t next_;
  std::unordered_map<std::string, uint32_t> others_;
};

}  // namespace

size_t MergeTable::slot_of(uint64_t pair) const {
  const size_t mask = slots_.size() - 1;
  size_t at = (pair ^ pair >> 32) * 0x9E3779B97F4A7C15u >> shift_;
  while (slots_[at].pair != pair && slots_[at].pair != kFree) at = (at + 1) & mask;
  return at;
}

Joined MergeTable::find(uint32_t left, uint32_t right) const {
  return slots_[slot_of(uint64_t{left} << 32 | right)].joined;
}

Result<MergeTable> MergeTable::build(std::span<const std::string_view> merges,
                                     const Vocabulary& vocabulary) {
  if (merges.size() > kMaxMerges) {
    return corrupt(fmt::format("{} has {} elements, expected at most {}", kMergesKey, merges.size(),
                               kMaxMerges));
  }
  MergeTable table;
  table.slots_.resize(std::bit_ceil(2 * merges.size() + 2));
  table.shift_ = 64 - std::countr_zero(table.slots_.size());
  SymbolNumbers numbers(vocabulary);
  std::string joined;
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const std::string_view merge = merges[rank];
    const size_t space = merge.find(' ', 1);
    if (space == std::string_view::npos || space + 1 == merge.size() ||
        merge.size() > kMaxMergeBytes) {
      return corrupt(
          fmt::format("{}[{}] is not two texts with a space between them", kMergesKey, rank));
    }
    const std::string_view left = merge.substr(0, space);
    const std::string_view right = merge.substr(space + 1);
    joined.assign(left).append(right);
    const uint64_t pair = uint64_t{numbers.of(left)} << 32 | numbers.of(right);
    Slot& slot = table.slots_[table.slot_of(pair)];
    if (slot.pair == kFree) slot = {pair, {static_cast<uint32_t>(rank), numbers.of(joined)}};
  }
  for (int byte = 0; byte < 256; ++byte) {
    const std::string_view character = byte_character(static_cast<uint8_t>(byte));
    // A special token that happens to be this character stands for the character, not the byte.
    const bool special = vocabulary.find(character) != vocabulary.byte_token(uint8_t(byte));
    table.byte_symbols_[size_t(byte)] = special ? numbers.unused() : numbers.of(character);
  }
  return table;
}

}  // namespace ix::tokenizer
