// A conversation and how it becomes tokens: the model's chat template, or plain text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "chat/chat_template.h"
#include "gguf/gguf_file.h"
#include "tokenizer/tokenizer.h"

namespace ix::cli {

// Tokens of a whole prompt: special tokens in the text are parsed, and BOS comes first where the
// model wants it and the text does not begin with it.
std::vector<TokenId> prompt_tokens(const tokenizer::Tokenizer& tokenizer, std::string_view text);

// The template of template_file, or the file's own; nothing where there is neither.
Result<std::optional<chat::ChatTemplate>> load_template(const gguf::GgufFile& file,
                                                        const std::string& template_file);

class Conversation {
 public:
  Conversation(const tokenizer::Tokenizer& tokenizer, const chat::ChatTemplate& chat_template,
               std::string system_prompt);

  void add_user(std::string text) { add("user", std::move(text)); }
  void add_assistant(std::string text) { add("assistant", std::move(text)); }
  void drop_last() { messages_.erase(messages_.size() - 1); }
  void clear();  // keeps the system prompt

  // The conversation so far with the beginning of the assistant's turn.
  Result<std::vector<TokenId>> tokens() const;

 private:
  void add(const char* role, std::string text);

  const tokenizer::Tokenizer& tokenizer_;
  const chat::ChatTemplate& template_;
  std::string system_prompt_;
  chat::Json messages_;
};

}  // namespace ix::cli
