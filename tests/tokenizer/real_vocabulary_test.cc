// Properties of encoding with real vocabularies: nothing is lost, cutting changes nothing, and a
// megabyte of one character is no harder than any other megabyte.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <utf8proc.h>

#include <algorithm>
#include <map>
#include <set>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/vocabulary_files.h"

namespace ix::tokenizer {
namespace {

std::string text_of(const std::vector<int32_t>& code_points) {
  std::string text;
  for (const int32_t code_point : code_points) {
    utf8proc_uint8_t bytes[4];
    const utf8proc_ssize_t length = utf8proc_encode_char(code_point, bytes);
    text.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(length));
  }
  return text;
}

// Valid text: mostly what people write, now and then anything.
rc::Gen<std::vector<int32_t>> any_text() {
  const auto code_point = rc::gen::weightedOneOf<int32_t>(
      {{6, rc::gen::inRange(0x20, 0x7F)},
       {2, rc::gen::element<int32_t>(' ', ' ', '\n', '\t', 0x2581, 0xA0)},
       {1, rc::gen::inRange(0xA1, 0x530)},
       {1, rc::gen::inRange(0x4E00, 0x9FFF)},
       {1, rc::gen::inRange(0x1F300, 0x1F700)},
       {1, rc::gen::suchThat(rc::gen::inRange(0, 0x110000),
                             [](int32_t c) { return c < 0xD800 || c > 0xDFFF; })}});
  return rc::gen::container<std::vector<int32_t>>(code_point);
}

// Some byte-level vocabularies lack bytes that only rare characters have.
bool has_bytes_of(const std::set<std::string_view>& tokens, int32_t code_point) {
  const std::string bytes = text_of({code_point});
  return std::all_of(bytes.begin(), bytes.end(), [&](char byte) {
    return tokens.count(byte_character(static_cast<uint8_t>(byte))) != 0;
  });
}

LoadedTokenizer loaded_or_fail(const std::string& name) {
  auto loaded = load_tokenizer(name);
  EXPECT_TRUE(loaded.ok()) << loaded.status().message();
  return loaded.ok() ? std::move(loaded).value() : LoadedTokenizer{};
}

std::string name_of(const testing::TestParamInfo<const char*>& param_info) {
  std::string name = param_info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class ByteLevel : public testing::TestWithParam<const char*> {};

TEST_P(ByteLevel, AnyBytesComeBack) {
  const LoadedTokenizer loaded = loaded_or_fail(GetParam());
  ASSERT_NE(loaded.tokenizer, nullptr);
  const Tokenizer& tokenizer = *loaded.tokenizer;
  EXPECT_TRUE(rc::check([&](const std::string& bytes) {
    RC_ASSERT(tokenizer.decode(tokenizer.encode(bytes, {}), {}) == bytes);
    RC_ASSERT(tokenizer.decode(tokenizer.encode(bytes, {.parse_special = true}), {}) == bytes);
  }));
}

// Vocabularies that have all 256 bytes; others lack those that no text has, like 0xFF.
INSTANTIATE_TEST_SUITE_P(, ByteLevel, testing::Values("gpt-2", "llama-bpe", "qwen2", "command-r"),
                         name_of);

class AnyVocabulary : public testing::TestWithParam<const char*> {};

TEST_P(AnyVocabulary, AnyTextComesBack) {
  const LoadedTokenizer loaded = loaded_or_fail(GetParam());
  ASSERT_NE(loaded.tokenizer, nullptr);
  const Tokenizer& tokenizer = *loaded.tokenizer;
  const bool is_spm = *loaded.file->metadata().get_string("tokenizer.ggml.model") == "llama";
  const auto texts = *loaded.file->metadata().get_strings("tokenizer.ggml.tokens");
  const std::set<std::string_view> known(texts.begin(), texts.end());
  EXPECT_TRUE(rc::check([&] {
    std::vector<int32_t> written = *any_text();
    if (!is_spm) std::erase_if(written, [&](int32_t c) { return !has_bytes_of(known, c); });
    std::vector<int32_t> read = written;
    // SPM cannot tell U+2581 from a space.
    if (is_spm) std::replace(read.begin(), read.end(), 0x2581, int32_t{' '});
    const std::vector<TokenId> tokens = tokenizer.encode(text_of(written), {});
    const std::string back = tokenizer.decode(tokens, {.strip_leading_space = true});
    RC_ASSERT(back == text_of(read));
  }));
}

TEST_P(AnyVocabulary, AnyBytesGiveTokensOfTheVocabulary) {
  const LoadedTokenizer loaded = loaded_or_fail(GetParam());
  ASSERT_NE(loaded.tokenizer, nullptr);
  const Tokenizer& tokenizer = *loaded.tokenizer;
  EXPECT_TRUE(rc::check([&](const std::string& bytes) {
    for (const TokenId token : tokenizer.encode(bytes, {true, true})) {
      RC_ASSERT(token >= 0);
      RC_ASSERT(token < tokenizer.vocab_size());
    }
  }));
}

TEST_P(AnyVocabulary, LongRunsComeBack) {
  const LoadedTokenizer loaded = loaded_or_fail(GetParam());
  ASSERT_NE(loaded.tokenizer, nullptr);
  const Tokenizer& tokenizer = *loaded.tokenizer;
  for (const std::string unit : {"a", " ", "\n", "😀", "The quick brown fox, 1234. "}) {
    std::string text;
    while (text.size() < 100'000) text += unit;
    for (const char* end : {"", "7"}) {
      const std::string whole = text + end;
      const std::vector<TokenId> tokens = tokenizer.encode(whole, {});
      // Not EXPECT_EQ: it would print both.
      EXPECT_TRUE(tokenizer.decode(tokens, {.strip_leading_space = true}) == whole) << unit << end;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, AnyVocabulary,
                         testing::Values("gemma-3-270m-q4_k_m", "smollm2-135m-instruct-q4_1",
                                         "llama-spm", "phi-3", "llama-bpe", "gpt-2", "qwen2",
                                         "deepseek-llm", "deepseek-coder", "starcoder", "falcon",
                                         "command-r", "refact", "mpt"),
                         name_of);

// SPM by its definition: no cuts, no heap, texts instead of numbers.
std::vector<std::string> spm_by_definition(const std::map<std::string, float>& scores,
                                           std::vector<std::string> symbols) {
  while (true) {
    size_t best = symbols.size();
    float best_score = 0;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto found = scores.find(symbols[i] + symbols[i + 1]);
      if (found == scores.end()) continue;
      if (best == symbols.size() || found->second > best_score) {
        best = i;
        best_score = found->second;
      }
    }
    if (best == symbols.size()) return symbols;
    symbols[best] += symbols[best + 1];
    symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(best) + 1);
  }
}

class SpmVocabulary : public testing::TestWithParam<const char*> {};

TEST_P(SpmVocabulary, EncodesAsTheDefinitionSays) {
  const LoadedTokenizer loaded = loaded_or_fail(GetParam());
  ASSERT_NE(loaded.tokenizer, nullptr);
  const Tokenizer& tokenizer = *loaded.tokenizer;
  const auto texts = *loaded.file->metadata().get_strings("tokenizer.ggml.tokens");
  const auto values = *loaded.file->metadata().get_floats("tokenizer.ggml.scores");
  std::map<std::string, float> scores;
  for (size_t i = 0; i < texts.size(); ++i) {
    scores.emplace(texts[i], static_cast<float>(values[i]));
  }
  // Pieces of words, spaces and digits: joins and cuts in every combination.
  const auto part = rc::gen::elementOf(std::vector<std::string>{
      "\u2581", "\u2581", "e", "t", "h",      "in",     "er",     "s",      "\u2581the", "0",
      "1",      ",",      ".", "A", "\u00E9", "\u0438", "\u5317", "\u4EAC", "=",         "-"});
  EXPECT_TRUE(rc::check([&] {
    std::string escaped;
    for (const std::string& one : *rc::gen::container<std::vector<std::string>>(part))
      escaped += one;
    std::vector<std::string> symbols;
    for (size_t at = 0; at < escaped.size();) {
      size_t length = 1;
      while (at + length < escaped.size() && (escaped[at + length] & 0xC0) == 0x80) ++length;
      symbols.push_back(escaped.substr(at, length));
      at += length;
    }
    const bool prefix = tokenizer.decode(tokenizer.encode("x", {}), {}) == " x";
    if (prefix && !symbols.empty()) symbols.insert(symbols.begin(), "\u2581");
    std::vector<std::string> encoded;
    for (const TokenId token : tokenizer.encode(escaped, {})) {
      encoded.emplace_back(tokenizer.token_text(token));
    }
    RC_ASSERT(encoded == spm_by_definition(scores, symbols));
  }));
}

INSTANTIATE_TEST_SUITE_P(, SpmVocabulary, testing::Values("llama-spm", "gemma-3-270m-q4_k_m"),
                         name_of);

}  // namespace
}  // namespace ix::tokenizer
