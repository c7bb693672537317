#include "tokenizer/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>

#include "tokenizer/bpe_encoder.h"
#include "tokenizer/special_tokens.h"
#include "tokenizer/spm_encoder.h"
#include "tokenizer/vocabulary.h"

namespace ix::tokenizer {
namespace {

constexpr std::string_view kModelKey = "tokenizer.ggml.model";
constexpr std::string_view kPreKey = "tokenizer.ggml.pre";

constexpr VocabularyDefaults kSpmDefaults = {Spelling::space_mark, true, true, 1, 2, 0};
// Token 11 begins and ends a text in Falcon's first files, which do not say so.
constexpr VocabularyDefaults kBpeDefaults = {Spelling::bytes, false, false, 11, 11, kNoToken};

Result<std::string_view> tokenizer_model(const gguf::Metadata& metadata) {
  if (metadata.find(kModelKey) == nullptr) {
    return corrupt(fmt::format("{} is missing: the file has no tokenizer", kModelKey));
  }
  IX_ASSIGN_OR_RETURN(const std::string_view model, metadata.get_string(kModelKey));
  if (model != "llama" && model != "gpt2") {
    return unsupported(
        fmt::format("{} is \"{}\", supported are llama (SPM) and gpt2 (BPE)", kModelKey, model));
  }
  return model;
}

Result<const PreTokenizerSpec*> pre_tokenizer_spec(const gguf::Metadata& metadata) {
  std::string_view name = "default";
  if (metadata.find(kPreKey) != nullptr) {
    IX_ASSIGN_OR_RETURN(name, metadata.get_string(kPreKey));
  }
  const PreTokenizerSpec* spec = find_pre_tokenizer(name);
  if (spec == nullptr) {
    return unsupported(
        fmt::format("{} is \"{}\", a pre-tokenizer that is not known", kPreKey, name));
  }
  return spec;
}

}  // namespace

Tokenizer::Tokenizer(std::unique_ptr<const Vocabulary> vocabulary,
                     std::unique_ptr<TextEncoder> encoder)
    : vocabulary_(std::move(vocabulary)),
      encoder_(std::move(encoder)),
      user_defined_(
          std::make_unique<SpecialTokens>(*vocabulary_, kUserDefined, kControl | kUnknown)),
      all_special_(
          std::make_unique<SpecialTokens>(*vocabulary_, kUserDefined | kControl | kUnknown, 0)) {}

Tokenizer::~Tokenizer() = default;

Result<std::unique_ptr<Tokenizer>> Tokenizer::create(const gguf::Metadata& metadata) {
  IX_ASSIGN_OR_RETURN(const std::string_view model, tokenizer_model(metadata));
  std::unique_ptr<const Vocabulary> vocabulary;
  std::unique_ptr<TextEncoder> encoder;
  if (model == "llama") {
    IX_ASSIGN_OR_RETURN(vocabulary, Vocabulary::read(metadata, kSpmDefaults));
    encoder = make_spm_encoder(*vocabulary);
  } else {
    IX_ASSIGN_OR_RETURN(const PreTokenizerSpec* spec, pre_tokenizer_spec(metadata));
    VocabularyDefaults defaults = kBpeDefaults;
    defaults.adds_bos = spec->adds_bos;
    IX_ASSIGN_OR_RETURN(vocabulary, Vocabulary::read(metadata, defaults));
    IX_ASSIGN_OR_RETURN(encoder, make_bpe_encoder(metadata, *vocabulary, *spec));
  }
  return std::unique_ptr<Tokenizer>(new Tokenizer(std::move(vocabulary), std::move(encoder)));
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  std::vector<TokenId> tokens;
  if (options.add_special && adds_bos()) tokens.push_back(bos());
  const SpecialTokens& special = options.parse_special ? *all_special_ : *user_defined_;
  bool at_start = true;
  for (const Fragment& part : special.split(text)) {
    if (part.token == kNoToken) {
      encoder_->encode(text.substr(part.begin, part.end - part.begin), at_start, tokens);
    } else {
      tokens.push_back(part.token);
    }
    at_start = part.token != kNoToken;
  }
  if (options.add_special && adds_eos()) tokens.push_back(eos());
  return tokens;
}

std::string Tokenizer::decode(std::span<const TokenId> tokens, const DecodeOptions& options) const {
  std::string out;
  bool strip = options.strip_leading_space && vocabulary_->adds_space_prefix();
  for (const TokenId token : tokens) {
    if (!vocabulary_->contains(token)) continue;
    const bool control = (vocabulary_->attributes(token) & (kControl | kUnknown)) != 0;
    if (control && options.skip_control) continue;
    const size_t begin = out.size();
    vocabulary_->append_bytes(token, out);
    if (strip && !control && out.size() > begin) {
      if (out[begin] == ' ') out.erase(begin, 1);
      strip = false;
    }
  }
  return out;
}

std::string Tokenizer::token_bytes(TokenId token) const {
  std::string out;
  append_token_bytes(token, out);
  return out;
}

void Tokenizer::append_token_bytes(TokenId token, std::string& out) const {
  if (vocabulary_->contains(token)) vocabulary_->append_bytes(token, out);
}

size_t Tokenizer::most_token_bytes() const { return vocabulary_->longest_text(); }

int64_t Tokenizer::vocab_size() const { return static_cast<int64_t>(vocabulary_->size()); }

std::string_view Tokenizer::token_text(TokenId token) const {
  return vocabulary_->contains(token) ? vocabulary_->text(token) : std::string_view();
}

TokenType Tokenizer::token_type(TokenId token) const {
  return vocabulary_->contains(token) ? vocabulary_->type(token) : TokenType::unused;
}

TokenId Tokenizer::bos() const { return vocabulary_->bos(); }
TokenId Tokenizer::eos() const { return vocabulary_->eos(); }
bool Tokenizer::adds_bos() const { return vocabulary_->adds_bos(); }
bool Tokenizer::adds_eos() const { return vocabulary_->adds_eos(); }

bool Tokenizer::is_end(TokenId token) const {
  const auto ends = end_tokens();
  return std::binary_search(ends.begin(), ends.end(), token);
}

std::span<const TokenId> Tokenizer::end_tokens() const { return vocabulary_->end_tokens(); }

}  // namespace ix::tokenizer
