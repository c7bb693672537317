#include "tokenizer/vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/space_mark.h"
#include "tokenizer/well_known_tokens.h"

namespace ix::tokenizer {
namespace {

// The longest token of a known vocabulary has 1,024 bytes; beyond this a file is broken, and work
// per character of a text would no longer be bounded.
constexpr size_t kMaxTokenBytes = 16384;

constexpr std::string_view kTokensKey = "tokenizer.ggml.tokens";
constexpr std::string_view kTypesKey = "tokenizer.ggml.token_type";
constexpr std::string_view kScoresKey = "tokenizer.ggml.scores";

uint8_t attribute_of(TokenType type) {
  switch (type) {
    case TokenType::normal:
      return kNormal;
    case TokenType::unknown:
      return kUnknown;
    case TokenType::control:
      return kControl;
    case TokenType::user_defined:
      return kUserDefined;
    case TokenType::unused:
      return kUnused;
    case TokenType::byte:
      return kByte;
  }
  return kUnused;
}

// The value of "<0xHH>", or -1.
int byte_of(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
  };
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return -1;
  const int high = digit(text[3]);
  const int low = digit(text[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

Status shorter_than_tokens(std::string_view key, size_t have, size_t want) {
  return corrupt(fmt::format("{} has {} elements, but {} has {}", key, have, kTokensKey, want));
}

// The value of a key that need not be there.
Result<bool> flag_or(const gguf::Metadata& metadata, std::string_view key, bool otherwise) {
  if (metadata.find(key) == nullptr) return otherwise;
  return metadata.get_bool(key);
}

}  // namespace

Result<std::unique_ptr<Vocabulary>> Vocabulary::read(const gguf::Metadata& metadata,
                                                     const VocabularyDefaults& defaults) {
  auto vocabulary = std::make_unique<Vocabulary>();
  vocabulary->spelling_ = defaults.spelling;
  IX_RETURN_IF_ERROR(vocabulary->read_tokens(metadata));
  IX_RETURN_IF_ERROR(vocabulary->read_types(metadata));
  IX_RETURN_IF_ERROR(vocabulary->read_scores(metadata));
  IX_RETURN_IF_ERROR(vocabulary->find_byte_tokens());
  IX_RETURN_IF_ERROR(vocabulary->read_special_ids(metadata, defaults));
  IX_RETURN_IF_ERROR(vocabulary->read_flags(metadata, defaults));
  IX_RETURN_IF_ERROR(vocabulary->find_end_tokens(metadata));
  vocabulary->set_stripping(metadata);
  return vocabulary;
}

Status Vocabulary::read_tokens(const gguf::Metadata& metadata) {
  if (metadata.find(kTokensKey) == nullptr) {
    return corrupt(fmt::format("{} is missing: the file has no vocabulary", kTokensKey));
  }
  IX_ASSIGN_OR_RETURN(texts_, metadata.get_strings(kTokensKey));
  if (texts_.empty() || texts_.size() > size_t{INT32_MAX}) {
    return corrupt(
        fmt::format("{} has {} elements, expected 1 to {}", kTokensKey, texts_.size(), INT32_MAX));
  }
  for (size_t i = 0; i < texts_.size(); ++i) {
    if (texts_[i].size() > kMaxTokenBytes) {
      return corrupt(fmt::format("{}[{}] is {} bytes long, expected at most {}", kTokensKey, i,
                                 texts_[i].size(), kMaxTokenBytes));
    }
    longest_text_ = std::max(longest_text_, texts_[i].size());
  }
  index_ = TextIndex(texts_);
  return {};
}

Status Vocabulary::read_types(const gguf::Metadata& metadata) {
  types_.assign(texts_.size(), TokenType::normal);
  attributes_.assign(texts_.size(), kNormal);
  if (metadata.find(kTypesKey) == nullptr) return {};
  IX_ASSIGN_OR_RETURN(const auto values, metadata.get_ints(kTypesKey));
  if (values.size() < texts_.size()) {
    return shorter_than_tokens(kTypesKey, values.size(), texts_.size());
  }
  for (size_t i = 0; i < texts_.size(); ++i) {
    if (values[i] < 0 || values[i] > 6) {
      return corrupt(fmt::format("{}[{}] is {}, expected 0 to 6", kTypesKey, i, values[i]));
    }
    // 0 is "undefined": the token is never written and never read.
    types_[i] = values[i] == 0 ? TokenType::unused : static_cast<TokenType>(values[i]);
    attributes_[i] = attribute_of(types_[i]);
  }
  return {};
}

Status Vocabulary::read_scores(const gguf::Metadata& metadata) {
  const gguf::Value* value = metadata.find(kScoresKey);
  if (value == nullptr) return {};
  const auto take = [&](const auto& values) -> Status {
    if (values.size() < texts_.size()) {
      return shorter_than_tokens(kScoresKey, values.size(), texts_.size());
    }
    scores_.resize(texts_.size());
    for (size_t i = 0; i < scores_.size(); ++i) {
      scores_[i] = static_cast<float>(values[i]);
      if (std::isnan(scores_[i])) return corrupt(fmt::format("{}[{}] is NaN", kScoresKey, i));
    }
    return {};
  };
  if (const auto* ints = std::get_if<gguf::IntArray>(value)) return take(ints->items);
  IX_ASSIGN_OR_RETURN(const auto floats, metadata.get_floats(kScoresKey));
  return take(floats);
}

Status Vocabulary::find_byte_tokens() {
  for (size_t i = 0; i < texts_.size(); ++i) {
    if (types_[i] == TokenType::byte && byte_of(texts_[i]) < 0) {
      return corrupt(fmt::format("{}[{}] is a byte token but not <0x00> to <0xFF>", kTokensKey, i));
    }
  }
  for (int byte = 0; byte < 256; ++byte) {
    TokenId& token = byte_tokens_[static_cast<size_t>(byte)];
    if (spelling_ == Spelling::bytes) {
      token = find(byte_character(static_cast<uint8_t>(byte)));
      if (token != kNoToken && (attributes(token) & kNormal) == 0) token = kNoToken;
      continue;
    }
    const char itself = static_cast<char>(byte);
    token = find(fmt::format("<0x{:02X}>", byte));
    if (token == kNoToken) token = find({&itself, 1});
  }
  return {};
}

Result<TokenId> Vocabulary::special_id(const gguf::Metadata& metadata, std::string_view key) const {
  if (metadata.find(key) == nullptr) return kNoToken;
  IX_ASSIGN_OR_RETURN(const int64_t id, metadata.get_int(key));
  if (id < 0 || static_cast<uint64_t>(id) >= texts_.size()) {
    return corrupt(
        fmt::format("{} is {}, but the vocabulary has {} tokens", key, id, texts_.size()));
  }
  return static_cast<TokenId>(id);
}

Status Vocabulary::read_special_ids(const gguf::Metadata& metadata,
                                    const VocabularyDefaults& defaults) {
  IX_ASSIGN_OR_RETURN(bos_, special_id(metadata, "tokenizer.ggml.bos_token_id"));
  IX_ASSIGN_OR_RETURN(eos_, special_id(metadata, "tokenizer.ggml.eos_token_id"));
  IX_ASSIGN_OR_RETURN(unknown_, special_id(metadata, "tokenizer.ggml.unknown_token_id"));
  const auto use_default = [&](TokenId& id, TokenId otherwise, TokenType type) {
    if (id == kNoToken && contains(otherwise) && this->type(otherwise) == type) id = otherwise;
  };
  use_default(bos_, defaults.bos, TokenType::control);
  use_default(eos_, defaults.eos, TokenType::control);
  use_default(unknown_, defaults.unknown, TokenType::unknown);
  return {};
}

Status Vocabulary::read_flags(const gguf::Metadata& metadata, const VocabularyDefaults& defaults) {
  IX_ASSIGN_OR_RETURN(adds_bos_,
                      flag_or(metadata, "tokenizer.ggml.add_bos_token", defaults.adds_bos));
  IX_ASSIGN_OR_RETURN(adds_eos_, flag_or(metadata, "tokenizer.ggml.add_eos_token", false));
  IX_ASSIGN_OR_RETURN(adds_space_prefix_, flag_or(metadata, "tokenizer.ggml.add_space_prefix",
                                                  defaults.adds_space_prefix));
  adds_bos_ = adds_bos_ && bos_ != kNoToken;
  adds_eos_ = adds_eos_ && eos_ != kNoToken;
  return {};
}

TokenId Vocabulary::first_known(std::span<const std::string_view> texts) const {
  for (const std::string_view text : texts) {
    if (const TokenId token = find(text); token != kNoToken) return token;
  }
  return kNoToken;
}

Status Vocabulary::find_end_tokens(const gguf::Metadata& metadata) {
  std::vector<TokenId> ends = {eos_};
  const auto mark_control = [&](TokenId token) {
    if (token != kNoToken) attributes_[static_cast<size_t>(token)] |= kControl;
  };
  for (const WellKnownToken& known : kWellKnownTokens) {
    TokenId token = kNoToken;
    for (const std::string_view key : known.keys) {
      if (key.empty() || token != kNoToken) continue;
      IX_ASSIGN_OR_RETURN(token, special_id(metadata, key));
    }
    if (token == kNoToken) {
      token = first_known(known.texts);
      mark_control(token);
    }
    if (known.ends) ends.push_back(token);
  }
  for (const std::string_view text : kEndTexts) {
    ends.push_back(find(text));
    mark_control(ends.back());
  }
  for (const std::string_view text : kVisibleTexts) {
    if (const TokenId token = find(text); token != kNoToken)
      attributes_[size_t(token)] = kUserDefined;
  }
  for (const EndException& exception : kEndExceptions) {
    const TokenId token = find(exception.text);
    const auto present = [&](std::string_view text) {
      return std::find(ends.begin(), ends.end(), find(text)) != ends.end() &&
             find(text) != kNoToken;
    };
    if (token == kNoToken || token == eos_ ||
        !std::all_of(exception.beside.begin(), exception.beside.end(),
                     [&](std::string_view text) { return text.empty() || present(text); })) {
      continue;
    }
    std::erase(ends, token);
    attributes_[static_cast<size_t>(token)] = exception.becomes;
  }
  std::erase(ends, kNoToken);
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  end_tokens_ = std::move(ends);
  return {};
}

// GGUF does not carry the strip attributes of tokens. Phi-3 is known by its name to have them on
// all special tokens but three.
void Vocabulary::set_stripping(const gguf::Metadata& metadata) {
  const auto name_value = metadata.get_string("general.name");
  if (!name_value.ok()) return;
  std::string name(*name_value);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (name.find("phi-3") == std::string::npos && name.find("phi3") == std::string::npos) return;
  for (uint8_t& attributes : attributes_) {
    if ((attributes & (kControl | kUserDefined | kUnknown)) != 0) attributes |= kStripsRight;
  }
  for (const std::string_view text : {"<unk>", "<s>", "<|endoftext|>"}) {
    const TokenId token = find(text);
    if (token != kNoToken) attributes_[size_t(token)] &= static_cast<uint8_t>(~kStripsRight);
  }
}

void Vocabulary::append_bytes(TokenId token, std::string& out) const {
  const std::string_view token_text = text(token);
  const uint8_t attribute = attributes(token);
  if ((attribute & (kControl | kUnknown | kUserDefined)) != 0) {
    out.append(token_text);
  } else if ((attribute & kByte) != 0) {
    out.push_back(static_cast<char>(byte_of(token_text)));
  } else if ((attribute & kNormal) == 0) {
    return;
  } else if (spelling_ == Spelling::bytes) {
    append_bytes_of(token_text, out);
  } else {
    for (size_t at = 0; at < token_text.size();) {
      const size_t mark = std::min(token_text.find(kSpaceMark, at), token_text.size());
      out.append(token_text.substr(at, mark - at));
      if (mark < token_text.size()) out.push_back(' ');
      at = mark + kSpaceMark.size();
    }
  }
}

}  // namespace ix::tokenizer
