#include "tokenizer/pre_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>
#include <set>
#include <string>

namespace ix::tokenizer {
namespace {

using testing::ElementsAre;

PreTokenizer compiled(std::string_view name) {
  const PreTokenizerSpec* spec = find_pre_tokenizer(name);
  EXPECT_NE(spec, nullptr) << name;
  auto result = PreTokenizer::compile(spec->patterns);
  EXPECT_TRUE(result.ok()) << result.status().message();
  return std::move(result).value();
}

std::vector<std::string> pieces(const PreTokenizer& pre_tokenizer, std::string_view text) {
  std::vector<std::string> out;
  pre_tokenizer.split(text, [&](std::string_view piece) { out.emplace_back(piece); });
  return out;
}

std::vector<std::string> pieces(std::string_view name, std::string_view text) {
  return pieces(compiled(name), text);
}

// The expected pieces are read off the published regular expressions by hand.
TEST(PreTokenizer, Gpt2KeepsOneSpaceWithTheWordAfterIt) {
  EXPECT_THAT(pieces("gpt-2", "I'll  go, 12345 \n\nx  "),
              ElementsAre("I", "'ll", " ", " go", ",", " 12345", " \n", "\n", "x", "  "));
}

TEST(PreTokenizer, Llama3CutsNumbersByThreeAndKeepsLineEndsTogether) {
  EXPECT_THAT(
      pieces("llama-bpe", "I'LL (go) 12345 \n\n  x!\n\n"),
      ElementsAre("I", "'LL", " (", "go", ")", " ", "123", "45", " \n\n", " ", " x", "!\n\n"));
}

TEST(PreTokenizer, Qwen2CutsNumbersIntoDigits) {
  EXPECT_THAT(pieces("qwen2", " 123"), ElementsAre(" ", "1", "2", "3"));
}

TEST(PreTokenizer, Gpt4oCutsWhereCapitalsBegin) {
  EXPECT_THAT(pieces("gpt-4o", "HelloWorld don't ABC"),
              ElementsAre("Hello", "World", " don't", " ABC"));
}

TEST(PreTokenizer, StarcoderCutsDigitsOutFirst) {
  EXPECT_THAT(pieces("starcoder", "ab 12c"), ElementsAre("ab", " ", "1", "2", "c"));
}

TEST(PreTokenizer, FalconCutsPunctuationOutFirstAndDigitsByThree) {
  EXPECT_THAT(pieces("falcon", "a, b 12345"), ElementsAre("a", ",", " b", " ", "123", "45"));
}

TEST(PreTokenizer, DeepseekLlmTakesOneSpaceWithAWordAndTheTrailingOnesTogether) {
  EXPECT_THAT(pieces("deepseek-llm", "ab  cd\n12北京  "),
              ElementsAre("ab", " ", " cd", "\n", "12", "北京", "  "));
}

TEST(PreTokenizer, SpaceMeansUnicodeWhiteSpace) {
  // U+3000 is white space; U+180E was until Unicode 6.3 and is not now.
  EXPECT_THAT(pieces("gpt-2", "a\u3000\u3000b"), ElementsAre("a", "\u3000", "\u3000", "b"));
  EXPECT_THAT(pieces("gpt-2", "a\u180E!b"), ElementsAre("a", "\u180E!", "b"));
}

TEST(PreTokenizer, NamesAreUniqueAndEveryPatternCompiles) {
  std::set<std::string_view> names;
  for (const PreTokenizerSpec& spec : all_pre_tokenizers()) {
    EXPECT_TRUE(names.insert(spec.name).second) << spec.name;
    const auto result = PreTokenizer::compile(spec.patterns);
    EXPECT_TRUE(result.ok()) << spec.name << ": " << result.status().message();
  }
  for (const char* name : {"llama-bpe", "llama3", "qwen2", "smollm", "gpt-2", "deepseek-llm",
                           "deepseek-coder", "starcoder", "falcon", "command-r", "refact", "mpt",
                           "default", "phi-2", "dbrx", "smaug-bpe", "olmo", "tekken", "gpt-4o"}) {
    EXPECT_EQ(names.count(name), 1u) << name;
  }
}

class EveryPreTokenizer : public testing::TestWithParam<PreTokenizerSpec> {};

TEST_P(EveryPreTokenizer, LosesNoByteOfAnyText) {
  const PreTokenizer pre_tokenizer = compiled(GetParam().name);
  // Bytes at random, and texts of the characters that the patterns tell apart.
  const auto alphabet = rc::gen::elementOf(std::vector<std::string>{
      " ", "  ",     "\t", "\n",   "\r\n",     "a",        "Z",           "'s",
      "'", "7",      "٣",  "é",    "É",        "北",       "\u3000",      "!",
      "$", "\u0301", "😀",  "\xFF", "\xE2\x82", "IMGIMGAZ", "<sentinel:1>"});
  EXPECT_TRUE(rc::check([&](const std::string& bytes) {
    std::string text = bytes;
    for (const std::string& part : *rc::gen::container<std::vector<std::string>>(alphabet)) {
      text += part;
    }
    std::string together;
    for (const std::string& piece : pieces(pre_tokenizer, text)) {
      RC_ASSERT(!piece.empty());
      together += piece;
    }
    RC_ASSERT(together == text);
  }));
}

// Where a pattern goes back over a run, it must do so once and not once a character.
TEST_P(EveryPreTokenizer, LosesNothingOfALongRun) {
  const PreTokenizer pre_tokenizer = compiled(GetParam().name);
  for (const std::string unit : {" ", "\n", "a", "A", "1", "!", "é", "北", "\t ", "\xFF"}) {
    std::string text;
    while (text.size() < 50'000) text += unit;
    for (const char* end : {"", "x", "1", "北", "!"}) {
      std::string together;
      pre_tokenizer.split(text + end, [&](std::string_view piece) { together += piece; });
      ASSERT_EQ(together, text + end);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, EveryPreTokenizer, testing::ValuesIn([] {
                           // One name a list of patterns.
                           std::map<const std::string_view*, PreTokenizerSpec> specs;
                           for (const PreTokenizerSpec& spec : all_pre_tokenizers()) {
                             specs.try_emplace(spec.patterns.data(), spec);
                           }
                           std::vector<PreTokenizerSpec> out;
                           for (const auto& [patterns, spec] : specs) out.push_back(spec);
                           return out;
                         }()),
                         [](const auto& param_info) {
                           std::string name(param_info.param.name);
                           for (char& c : name) c = std::isalnum(c) != 0 ? c : '_';
                           return name;
                         });

}  // namespace
}  // namespace ix::tokenizer
