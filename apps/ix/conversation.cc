#include "conversation.h"

#include <utility>

#include "prompt_source.h"

namespace ix::cli {
namespace {

std::string text_of(const tokenizer::Tokenizer& tokenizer, TokenId token) {
  return token == kNoToken ? std::string() : std::string(tokenizer.token_text(token));
}

}  // namespace

std::vector<TokenId> prompt_tokens(const tokenizer::Tokenizer& tokenizer, std::string_view text) {
  std::vector<TokenId> out = tokenizer.encode(text, {.parse_special = true});
  const TokenId bos = tokenizer.bos();
  const bool begins_with_bos = !out.empty() && out.front() == bos;
  if (tokenizer.adds_bos() && bos != kNoToken && !begins_with_bos) out.insert(out.begin(), bos);
  return out;
}

Result<std::optional<chat::ChatTemplate>> load_template(const gguf::GgufFile& file,
                                                        const std::string& template_file) {
  constexpr std::string_view kKey = "tokenizer.chat_template";
  std::string source;
  std::string name = template_file;
  if (!template_file.empty()) {
    IX_ASSIGN_OR_RETURN(source, read_text(template_file));
  } else {
    if (file.metadata().find(kKey) == nullptr) return std::optional<chat::ChatTemplate>();
    IX_ASSIGN_OR_RETURN(const std::string_view text, file.metadata().get_string(kKey));
    source = text;
    name = kKey;
  }
  auto parsed = chat::ChatTemplate::parse(std::move(source));
  if (!parsed.ok()) return parsed.status().with_context(name);
  return std::optional(std::move(parsed).value());
}

Conversation::Conversation(const tokenizer::Tokenizer& tokenizer,
                           const chat::ChatTemplate& chat_template, std::string system_prompt)
    : tokenizer_(tokenizer),
      template_(chat_template),
      system_prompt_(std::move(system_prompt)),
      messages_(chat::Json::array()) {
  clear();
}

void Conversation::clear() {
  messages_ = chat::Json::array();
  if (!system_prompt_.empty()) add("system", system_prompt_);
}

void Conversation::add(const char* role, std::string text) {
  messages_.push_back({{"role", role}, {"content", std::move(text)}});
}

Result<std::vector<TokenId>> Conversation::tokens() const {
  chat::RenderInput input;
  input.messages = messages_;
  input.bos_token = text_of(tokenizer_, tokenizer_.bos());
  input.eos_token = text_of(tokenizer_, tokenizer_.eos());
  auto text = template_.render(input);
  if (!text.ok()) return text.status().with_context("chat template");
  return prompt_tokens(tokenizer_, *text);
}

}  // namespace ix::cli
