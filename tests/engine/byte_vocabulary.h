// A tokenizer for tests of the engine: <unk>, <s>, </s>, the 256 bytes, then pieces that a test
// names.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "gguf/gguf_file.h"
#include "tokenizer/tokenizer.h"

namespace ix::engine::test {

inline constexpr TokenId kEnd = 2;
inline constexpr TokenId kFirstByte = 3;
inline constexpr TokenId kFirstPiece = kFirstByte + 256;

inline TokenId byte_token(char c) { return kFirstByte + static_cast<unsigned char>(c); }

inline std::vector<TokenId> byte_tokens(std::string_view text) {
  std::vector<TokenId> out;
  for (const char c : text) out.push_back(byte_token(c));
  return out;
}

class ByteVocabulary {
 public:
  explicit ByteVocabulary(const std::vector<std::string>& pieces = {}) {
    gguf::StringArray tokens;
    gguf::FloatArray scores;
    gguf::IntArray types;
    const auto add = [&](std::string text, int64_t type) {
      texts_.push_back(std::move(text));
      tokens.items.push_back(texts_.back());
      scores.items.push_back(0);
      types.items.push_back(type);
    };
    add("<unk>", 2);
    add("<s>", 3);
    add("</s>", 3);
    for (int byte = 0; byte < 256; ++byte) {
      char text[8];
      std::snprintf(text, sizeof text, "<0x%02X>", static_cast<unsigned>(byte));
      add(text, 6);
    }
    for (const std::string& piece : pieces) add(piece, 1);
    metadata_.insert("tokenizer.ggml.model", std::string_view("llama"));
    metadata_.insert("tokenizer.ggml.tokens", std::move(tokens));
    metadata_.insert("tokenizer.ggml.scores", std::move(scores));
    metadata_.insert("tokenizer.ggml.token_type", std::move(types));
    metadata_.insert("tokenizer.ggml.bos_token_id", uint64_t{1});
    metadata_.insert("tokenizer.ggml.eos_token_id", uint64_t{2});
    metadata_.insert("tokenizer.ggml.unknown_token_id", uint64_t{0});
    auto created = tokenizer::Tokenizer::create(metadata_);
    if (!created.ok()) {
      std::fprintf(stderr, "%s\n", created.status().message().c_str());
      std::abort();
    }
    tokenizer_ = std::move(created).value();
  }

  const tokenizer::Tokenizer& tokenizer() const { return *tokenizer_; }

 private:
  std::deque<std::string> texts_;
  gguf::Metadata metadata_;
  std::unique_ptr<tokenizer::Tokenizer> tokenizer_;
};

}  // namespace ix::engine::test
