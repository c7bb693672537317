#include "tokenizer/small_vocabularies.h"

#include <fmt/format.h>

#include <algorithm>

#include "tokenizer/byte_alphabet.h"

namespace ix::tokenizer {

SmallVocabulary SmallVocabulary::spm(const std::vector<std::pair<std::string, double>>& tokens) {
  SmallVocabulary vocabulary;
  vocabulary.is_spm_ = true;
  vocabulary.add("<unk>", TokenType::unknown);
  vocabulary.add("<s>", TokenType::control);
  vocabulary.add("</s>", TokenType::control);
  for (int byte = 0; byte < 256; ++byte) {
    vocabulary.add(fmt::format("<0x{:02X}>", byte), TokenType::byte);
  }
  for (const auto& [text, score] : tokens) vocabulary.add(text, TokenType::normal, score);
  return vocabulary;
}

SmallVocabulary SmallVocabulary::bpe(const std::vector<std::string>& tokens,
                                     const std::vector<std::string>& merges,
                                     const std::string& pre) {
  SmallVocabulary vocabulary;
  vocabulary.pre_ = pre;
  vocabulary.merges_ = merges;
  for (int byte = 0; byte < 256; ++byte) {
    vocabulary.add(std::string(byte_character(static_cast<uint8_t>(byte))), TokenType::normal);
  }
  for (const std::string& text : tokens) vocabulary.add(text, TokenType::normal);
  return vocabulary;
}

void SmallVocabulary::add(const std::string& text, TokenType type, double score) {
  texts_.push_back(text);
  types_.push_back(static_cast<int64_t>(type));
  scores_.push_back(score);
}

TokenId SmallVocabulary::id(std::string_view text) const {
  const auto found = std::find(texts_.begin(), texts_.end(), text);
  return found == texts_.end() ? kNoToken : static_cast<TokenId>(found - texts_.begin());
}

Result<std::unique_ptr<Tokenizer>> SmallVocabulary::open() {
  metadata_ = {};
  std::map<std::string_view, gguf::Value> all;
  all["tokenizer.ggml.model"] = std::string_view(is_spm_ ? "llama" : "gpt2");
  all["tokenizer.ggml.tokens"] = gguf::StringArray{{texts_.begin(), texts_.end()}};
  all["tokenizer.ggml.token_type"] = gguf::IntArray{types_};
  if (is_spm_) {
    all["tokenizer.ggml.scores"] = gguf::FloatArray{scores_};
  } else {
    all["tokenizer.ggml.pre"] = std::string_view(pre_);
    all["tokenizer.ggml.merges"] = gguf::StringArray{{merges_.begin(), merges_.end()}};
  }
  for (const auto& [key, value] : values_) all[key] = value;
  for (const auto& [key, value] : all) metadata_.insert(key, value);
  return Tokenizer::create(metadata_);
}

}  // namespace ix::tokenizer
