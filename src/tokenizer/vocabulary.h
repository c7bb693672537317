// The vocabulary of a GGUF file, checked: every id within range, every array as long as it must be.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gguf/gguf_file.h"
#include "tokenizer/text_index.h"
#include "tokenizer/tokenizer.h"

namespace ix::tokenizer {

// How token texts spell bytes.
enum class Spelling {
  space_mark,  // SPM: U+2581 for a space; single bytes are tokens of their own, <0x00> to <0xFF>
  bytes,       // byte-level BPE: one character a byte, see byte_alphabet.h
};

// A token has one or more of these. They begin as its type in the file; well-known texts add
// control, as files often have end tokens as normal ones.
using TokenAttributes = uint8_t;
inline constexpr TokenAttributes kNormal = 1;
inline constexpr TokenAttributes kUnknown = 2;
inline constexpr TokenAttributes kControl = 4;
inline constexpr TokenAttributes kUserDefined = 8;
inline constexpr TokenAttributes kUnused = 16;
inline constexpr TokenAttributes kByte = 32;
inline constexpr TokenAttributes kStripsLeft = 64;    // takes the white space before it along
inline constexpr TokenAttributes kStripsRight = 128;  // takes the white space after it along

// What holds where the file says nothing.
struct VocabularyDefaults {
  Spelling spelling;
  bool adds_bos;
  bool adds_space_prefix;
  TokenId bos, eos, unknown;  // only where the token has the type to go with it
};

class Vocabulary {
 public:
  static Result<std::unique_ptr<Vocabulary>> read(const gguf::Metadata& metadata,
                                                  const VocabularyDefaults& defaults);

  Spelling spelling() const { return spelling_; }
  size_t size() const { return texts_.size(); }
  bool contains(TokenId token) const { return token >= 0 && size_t(token) < texts_.size(); }

  // Of a token that the vocabulary contains:
  std::string_view text(TokenId token) const { return texts_[size_t(token)]; }
  TokenType type(TokenId token) const { return types_[size_t(token)]; }
  uint8_t attributes(TokenId token) const { return attributes_[size_t(token)]; }
  float score(TokenId token) const { return scores_.empty() ? 0.0f : scores_[size_t(token)]; }
  void append_bytes(TokenId token, std::string& out) const;

  std::span<const std::string_view> texts() const { return texts_; }
  TokenId find(std::string_view text) const { return index_.find(text); }
  TokenId byte_token(uint8_t byte) const { return byte_tokens_[byte]; }  // or kNoToken
  size_t longest_text() const { return longest_text_; }                  // in bytes

  TokenId bos() const { return bos_; }
  TokenId eos() const { return eos_; }
  TokenId unknown() const { return unknown_; }
  bool adds_bos() const { return adds_bos_; }
  bool adds_eos() const { return adds_eos_; }
  bool adds_space_prefix() const { return adds_space_prefix_; }
  std::span<const TokenId> end_tokens() const { return end_tokens_; }  // ascending

 private:
  Status read_tokens(const gguf::Metadata& metadata);
  Status read_types(const gguf::Metadata& metadata);
  Status read_scores(const gguf::Metadata& metadata);
  Status read_special_ids(const gguf::Metadata& metadata, const VocabularyDefaults& defaults);
  Status read_flags(const gguf::Metadata& metadata, const VocabularyDefaults& defaults);
  Status find_byte_tokens();
  Status find_end_tokens(const gguf::Metadata& metadata);
  void set_stripping(const gguf::Metadata& metadata);
  Result<TokenId> special_id(const gguf::Metadata& metadata, std::string_view key) const;
  TokenId first_known(std::span<const std::string_view> texts) const;

  Spelling spelling_ = Spelling::bytes;
  std::span<const std::string_view> texts_;
  TextIndex index_;
  std::vector<TokenType> types_;
  std::vector<uint8_t> attributes_;
  std::vector<float> scores_;  // empty: all 0
  std::array<TokenId, 256> byte_tokens_{};
  size_t longest_text_ = 0;
  TokenId bos_ = kNoToken, eos_ = kNoToken, unknown_ = kNoToken;
  bool adds_bos_ = false, adds_eos_ = false, adds_space_prefix_ = false;
  std::vector<TokenId> end_tokens_;
};

}  // namespace ix::tokenizer
