#include "tokenizer/spm_encoder.h"

#include <bit>
#include <cstring>
#include <string>

#include "tokenizer/space_mark.h"
#include "tokenizer/symbol_merger.h"
#include "tokenizer/utf8.h"

namespace ix::tokenizer {
namespace {

// Pairs of neighbouring characters that stand inside some token, as a Bloom filter. Where a pair
// stands in none, no join can reach across, so the text may be cut there without changing a token.
// A false positive costs a cut, never a wrong one.
class NeighbourFilter {
 public:
  explicit NeighbourFilter(std::span<const std::string_view> texts) : bits_(kBits / 64) {
    for (std::string_view text : texts) {
      uint32_t previous = 0;
      for (bool first = true; !text.empty(); first = false) {
        const size_t length = utf8_step(text).length;
        const uint32_t character = packed(text.substr(0, length));
        if (!first) {
          const uint32_t bit = bit_of(previous, character);
          bits_[bit / 64] |= uint64_t{1} << (bit % 64);
        }
        previous = character;
        text.remove_prefix(length);
      }
    }
  }

  bool may_join(uint32_t left, uint32_t right) const {
    const uint32_t bit = bit_of(left, right);
    return (bits_[bit / 64] >> (bit % 64) & 1) != 0;
  }

  // The bytes of one character as a number.
  static uint32_t packed(std::string_view character) {
    uint32_t value = 0;
    std::memcpy(&value, character.data(), character.size());
    return value;
  }

 private:
  // 512 KiB: vocabularies of 262,144 tokens have some 300,000 pairs, so that 7 % collide.
  static constexpr int kLogBits = 22;
  static constexpr uint32_t kBits = 1u << kLogBits;

  static uint32_t bit_of(uint32_t left, uint32_t right) {
    const uint64_t pair = uint64_t{left} << 32 | right;
    return static_cast<uint32_t>((pair ^ pair >> 29) * 0x9E3779B97F4A7C15u >> (64 - kLogBits));
  }

  std::vector<uint64_t> bits_;
};

// Ascending numbers for descending scores.
uint32_t order_of(float score) {
  const auto bits = std::bit_cast<uint32_t>(score + 0.0f);  // -0 and 0 are one score
  const uint32_t ascending = (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
  return ~ascending;
}

class SpmEncoder final : public TextEncoder {
 public:
  explicit SpmEncoder(const Vocabulary& vocabulary)
      : vocabulary_(vocabulary), neighbours_(vocabulary.texts()) {}

  void encode(std::string_view text, bool at_start, std::vector<TokenId>& out) const override {
    Piece piece;
    uint32_t previous = 0;
    const auto add = [&](std::string_view character) {
      const uint32_t packed = NeighbourFilter::packed(character);
      if (!piece.text.empty() && (!neighbours_.may_join(previous, packed) ||
                                  piece.symbols.size() == SymbolMerger::kMaxSymbols)) {
        flush(piece, out);
      }
      piece.symbols.push_back({static_cast<uint32_t>(piece.text.size()),
                               static_cast<uint32_t>(vocabulary_.find(character))});
      piece.text.append(character);
      previous = packed;
    };
    if (at_start && vocabulary_.adds_space_prefix()) add(kSpaceMark);
    for (size_t at = 0; at < text.size();) {
      const size_t length = utf8_step(text.substr(at)).length;
      add(text[at] == ' ' ? kSpaceMark : text.substr(at, length));
      at += length;
    }
    flush(piece, out);
  }

 private:
  // Text between two cuts. A symbol's id is its token.
  struct Piece {
    std::string text;
    std::vector<Symbol> symbols;
    SymbolMerger merger;
  };

  void flush(Piece& piece, std::vector<TokenId>& out) const {
    const std::string_view text = piece.text;
    const auto size = static_cast<uint32_t>(text.size());
    piece.merger.merge(piece.symbols, size, [&](Symbol left, Symbol, uint32_t end) -> Joined {
      const uint32_t length = end - left.begin;
      if (length > vocabulary_.longest_text()) return {};
      const TokenId token = vocabulary_.find(text.substr(left.begin, length));
      if (token == kNoToken) return {};
      return {order_of(vocabulary_.score(token)), static_cast<uint32_t>(token)};
    });
    for (size_t i = 0; i < piece.symbols.size(); ++i) {
      const Symbol& symbol = piece.symbols[i];
      const uint32_t end = i + 1 < piece.symbols.size() ? piece.symbols[i + 1].begin : size;
      if (const auto token = static_cast<TokenId>(symbol.id); token != kNoToken) {
        out.push_back(token);
      } else {
        append_fallback(text.substr(symbol.begin, end - symbol.begin), out);
      }
    }
    piece.text.clear();
    piece.symbols.clear();
  }

  // A character that no token has: its bytes, or where there are no byte tokens the unknown one.
  void append_fallback(std::string_view character, std::vector<TokenId>& out) const {
    const size_t before = out.size();
    for (const char c : character) {
      const TokenId token = vocabulary_.byte_token(static_cast<uint8_t>(c));
      if (token == kNoToken) {
        out.resize(before);
        const TokenId instead = replacement(is_valid_utf8(character));
        if (instead != kNoToken) out.push_back(instead);
        return;
      }
      out.push_back(token);
    }
  }

  TokenId replacement(bool valid) const {
    const TokenId token = valid ? kNoToken : vocabulary_.find(kReplacementCharacter);
    return token != kNoToken ? token : vocabulary_.unknown();
  }

  const Vocabulary& vocabulary_;
  NeighbourFilter neighbours_;
};

}  // namespace

std::unique_ptr<TextEncoder> make_spm_encoder(const Vocabulary& vocabulary) {
  return std::make_unique<SpmEncoder>(vocabulary);
}

}  // namespace ix::tokenizer
