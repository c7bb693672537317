// Text to tokens and back, by the vocabulary of a GGUF file.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "gguf/gguf_file.h"

namespace ix::tokenizer {

class SpecialTokens;
class TextEncoder;
class Vocabulary;

enum class TokenType : uint8_t { normal = 1, unknown, control, user_defined, unused, byte };

struct EncodeOptions {
  bool add_special = false;  // BOS (and EOS) as the file asks
  // Control tokens written in the text become themselves. User-defined tokens always do.
  bool parse_special = false;
};

struct DecodeOptions {
  bool skip_control = false;         // control tokens give no text (default: they give their piece)
  bool strip_leading_space = false;  // drop the space that the vocabulary's space prefix added
};

// Immutable, so safe from any thread. Views into the file's vocabulary: the file must outlive it.
class Tokenizer {
 public:
  // unsupported for an unknown tokenizer.ggml.model or pre, corrupt (naming the key) for a bad
  // vocabulary.
  static Result<std::unique_ptr<Tokenizer>> create(const gguf::Metadata& metadata);
  ~Tokenizer();

  // Any bytes are accepted: invalid UTF-8 goes through byte tokens where the vocabulary has them
  // and is replaced by U+FFFD where not. Time linear in the text (n log n in its longest piece
  // that the vocabulary does not allow to cut).
  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options) const;

  // Bytes of the tokens; may end within a UTF-8 character (see Utf8Stream). Ids outside the
  // vocabulary give nothing.
  std::string decode(std::span<const TokenId> tokens, const DecodeOptions& options) const;

  // Bytes of one token, space marks turned into spaces. Empty for unused tokens and for ids
  // outside the vocabulary.
  std::string token_bytes(TokenId token) const;
  // The same, to the end of out.
  void append_token_bytes(TokenId token, std::string& out) const;
  // No token has more bytes.
  size_t most_token_bytes() const;

  int64_t vocab_size() const;
  // As they stand in the file; empty and unused for ids outside the vocabulary.
  std::string_view token_text(TokenId token) const;
  TokenType token_type(TokenId token) const;

  TokenId bos() const;  // kNoToken where the file has none
  TokenId eos() const;
  bool adds_bos() const;
  bool adds_eos() const;
  // Ends a generation: eos, eot, eom and their like, from the metadata's ids and well-known texts.
  bool is_end(TokenId token) const;
  std::span<const TokenId> end_tokens() const;

 private:
  Tokenizer(std::unique_ptr<const Vocabulary> vocabulary, std::unique_ptr<TextEncoder> encoder);

  std::unique_ptr<const Vocabulary> vocabulary_;
  std::unique_ptr<const TextEncoder> encoder_;
  std::unique_ptr<const SpecialTokens> user_defined_;  // found in every text
  std::unique_ptr<const SpecialTokens> all_special_;   // found where parse_special is asked for
};

// Holds bytes back until they are whole UTF-8 characters. Invalid bytes become U+FFFD. Text is
// appended to out.
class Utf8Stream {
 public:
  // Takes the memory for pushes of that many bytes; returns the most bytes that one of them gives.
  size_t reserve(size_t bytes);

  void push(std::string_view bytes, std::string& out);  // the characters that are complete now
  void finish(std::string& out);                        // what is left, incomplete ends as U+FFFD

 private:
  std::string pending_;
};

}  // namespace ix::tokenizer
