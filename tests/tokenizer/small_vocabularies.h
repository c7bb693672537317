// Vocabularies of a few tokens, for tests that are worked out by hand.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/gguf_file.h"
#include "tokenizer/tokenizer.h"

namespace ix::tokenizer {

// Metadata that owns its texts.
class SmallVocabulary {
 public:
  // SPM: <unk>, <s>, </s>, the 256 byte tokens (3 to 258), then tokens with their scores.
  static SmallVocabulary spm(const std::vector<std::pair<std::string, double>>& tokens);
  // Byte-level BPE: the 256 single bytes by value, then tokens.
  static SmallVocabulary bpe(const std::vector<std::string>& tokens,
                             const std::vector<std::string>& merges, const std::string& pre);

  void add(const std::string& text, TokenType type, double score = 0);
  TokenId id(std::string_view text) const;  // of a token added before

  // Values of keys besides those that the vocabulary itself makes, or instead of them.
  void set(const std::string& key, gguf::Value value) { values_[key] = std::move(value); }
  void remove(const std::string& key) { values_.erase(key); }

  std::vector<std::string>& texts() { return texts_; }
  std::vector<int64_t>& types() { return types_; }
  std::vector<double>& scores() { return scores_; }
  std::vector<std::string>& merges() { return merges_; }

  // The vocabulary must outlive the tokenizer.
  Result<std::unique_ptr<Tokenizer>> open();

 private:
  std::vector<std::string> texts_;
  std::vector<int64_t> types_;
  std::vector<double> scores_;
  std::vector<std::string> merges_;
  std::string pre_;
  bool is_spm_ = false;
  std::map<std::string, gguf::Value> values_;
  gguf::Metadata metadata_;
};

}  // namespace ix::tokenizer
