// SPM, BPE and special tokens on vocabularies small enough to work the answer out by hand.
#include "tokenizer/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "tokenizer/small_vocabularies.h"

namespace ix::tokenizer {
namespace {

using testing::ElementsAre;

constexpr TokenId kByte0 = 3;  // of the SPM vocabularies

std::unique_ptr<Tokenizer> open(SmallVocabulary& vocabulary) {
  auto opened = vocabulary.open();
  EXPECT_TRUE(opened.ok()) << opened.status().message();
  return std::move(opened).value();
}

std::vector<std::string> texts_of(const Tokenizer& tokenizer, const std::vector<TokenId>& tokens) {
  std::vector<std::string> texts;
  for (const TokenId token : tokens) texts.emplace_back(tokenizer.token_text(token));
  return texts;
}

TEST(Spm, JoinsTheHighestScoreFirstAndTheLeftmostOfEquals) {
  SmallVocabulary vocabulary = SmallVocabulary::spm(
      {{"a", -9}, {"b", -9}, {"c", -9}, {"ab", -2}, {"bc", -1}, {"aa", -1}, {"\u2581", -9}});
  vocabulary.set("tokenizer.ggml.add_space_prefix", false);
  const auto tokenizer = open(vocabulary);
  EXPECT_THAT(texts_of(*tokenizer, tokenizer->encode("abc", {})), ElementsAre("a", "bc"));
  EXPECT_THAT(texts_of(*tokenizer, tokenizer->encode("aaa", {})), ElementsAre("aa", "a"));
  EXPECT_THAT(texts_of(*tokenizer, tokenizer->encode("ab ab", {})),
              ElementsAre("ab", "\u2581", "ab"));
}

TEST(Spm, PutsASpaceBeforeTheTextAndAfterSpecialTokensOnly) {
  SmallVocabulary vocabulary = SmallVocabulary::spm({{"\u2581", -1}, {"x", -2}});
  vocabulary.add("<u>", TokenType::user_defined);
  const auto tokenizer = open(vocabulary);
  EXPECT_THAT(texts_of(*tokenizer, tokenizer->encode("x<u>x x", {})),
              ElementsAre("\u2581", "x", "<u>", "\u2581", "x", "\u2581", "x"));
  EXPECT_TRUE(tokenizer->encode("", {}).empty());
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("x", {}), {}), " x");
  DecodeOptions strip;
  strip.strip_leading_space = true;
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("x", {}), strip), "x");
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(" x", {}), strip), " x");
}

TEST(Spm, WritesWhatNoTokenHasAsBytes) {
  SmallVocabulary vocabulary = SmallVocabulary::spm({{"x", -1}});
  vocabulary.set("tokenizer.ggml.add_space_prefix", false);
  const auto tokenizer = open(vocabulary);
  EXPECT_THAT(tokenizer->encode("x\u00E9\n", {}),
              ElementsAre(259, kByte0 + 0xC3, kByte0 + 0xA9, kByte0 + '\n'));
  EXPECT_THAT(tokenizer->encode("\xFFx\xE2\x82", {}),
              ElementsAre(kByte0 + 0xFF, 259, kByte0 + 0xE2, kByte0 + 0x82));
}

TEST(Spm, WithoutByteTokensAnUnknownCharacterIsTheUnknownToken) {
  SmallVocabulary vocabulary = SmallVocabulary::spm({{"x", -1}, {"\uFFFD", -2}});
  vocabulary.set("tokenizer.ggml.add_space_prefix", false);
  for (size_t i = 3; i < 259; ++i) {
    vocabulary.texts()[i] = "unused" + std::to_string(i);
    vocabulary.types()[i] = static_cast<int64_t>(TokenType::unused);
  }
  const auto tokenizer = open(vocabulary);
  EXPECT_THAT(texts_of(*tokenizer, tokenizer->encode("x\u00E9x", {})),
              ElementsAre("x", "<unk>", "x"));
  EXPECT_THAT(texts_of(*tokenizer, tokenizer->encode("x\xFF", {})), ElementsAre("x", "\uFFFD"));
}

TEST(Spm, AddsBosAndEosAsTheFileAsks) {
  SmallVocabulary vocabulary = SmallVocabulary::spm({{"x", -1}, {"\u2581", -1}});
  const EncodeOptions special = {.add_special = true};
  EXPECT_THAT(open(vocabulary)->encode("", special), ElementsAre(1));  // SPM's default
  vocabulary.set("tokenizer.ggml.add_bos_token", false);
  vocabulary.set("tokenizer.ggml.add_eos_token", true);
  EXPECT_THAT(open(vocabulary)->encode("", special), ElementsAre(2));
  vocabulary.set("tokenizer.ggml.eos_token_id", uint64_t{259});
  EXPECT_THAT(open(vocabulary)->encode("", special), ElementsAre(259));
  EXPECT_TRUE(open(vocabulary)->encode("", {}).empty());
}

TEST(Bpe, JoinsInTheOrderOfTheMerges) {
  SmallVocabulary vocabulary =
      SmallVocabulary::bpe({"bc", "ab", "abc"}, {"b c", "a b", "a bc"}, "gpt-2");
  const auto tokenizer = open(vocabulary);
  EXPECT_THAT(texts_of(*tokenizer, tokenizer->encode("abc", {})), ElementsAre("abc"));
  EXPECT_THAT(texts_of(*tokenizer, tokenizer->encode("abbc", {})), ElementsAre("ab", "bc"));
}

TEST(Bpe, NeverJoinsAcrossPieces) {
  SmallVocabulary vocabulary =
      SmallVocabulary::bpe({"a1", "\u0120a"}, {"a 1", "\u0120 a"}, "gpt-2");
  const auto tokenizer = open(vocabulary);
  EXPECT_THAT(texts_of(*tokenizer, tokenizer->encode("a1 a", {})),
              ElementsAre("a", "1", "\u0120a"));
}

TEST(Bpe, TakesAWholePieceAsOneTokenOnlyWhereMergesAreIgnored) {
  for (const bool ignores : {false, true}) {
    SmallVocabulary vocabulary =
        SmallVocabulary::bpe({"abc"}, {"a b"}, ignores ? "llama-bpe" : "dbrx");
    const auto tokenizer = open(vocabulary);
    // "ab" is the result of a merge but no token, so its bytes stand for it.
    const auto expected =
        ignores ? std::vector<std::string>{"abc"} : std::vector<std::string>{"a", "b", "c"};
    EXPECT_EQ(texts_of(*tokenizer, tokenizer->encode("abc", {})), expected);
  }
}

TEST(Bpe, AnyBytesComeBack) {
  SmallVocabulary vocabulary =
      SmallVocabulary::bpe({"ab", "\u0120\u0120", "\u00E2\u0124"},
                           {"a b", "\u0120 \u0120", "\u00E2 \u0124"}, "llama-bpe");
  const auto tokenizer = open(vocabulary);
  EXPECT_TRUE(rc::check("decode(encode(bytes)) == bytes", [&](const std::string& bytes) {
    RC_ASSERT(tokenizer->decode(tokenizer->encode(bytes, {}), {}) == bytes);
  }));
}

TEST(Bpe, AByteWithoutATokenBecomesTheReplacementCharacter) {
  SmallVocabulary vocabulary = SmallVocabulary::bpe({}, {}, "gpt-2");
  vocabulary.texts()[0xFF] = "gone";
  const auto tokenizer = open(vocabulary);
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("a\xFFz", {}), {}), "a\uFFFDz");
}

TEST(Bpe, ASpecialTokenIsNotTheByteThatItsTextWouldSpell) {
  SmallVocabulary vocabulary = SmallVocabulary::bpe({}, {}, "gpt-2");
  vocabulary.types()[0xFF] = static_cast<int64_t>(TokenType::user_defined);  // "\u00FF"
  const auto tokenizer = open(vocabulary);
  EXPECT_THAT(tokenizer->encode("\u00FF", {}), ElementsAre(0xFF));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("a\xFFz", {}), {}), "a\uFFFDz");
}

TEST(SpecialTokens, ControlTokensAreParsedOnlyWhenAskedAndUserDefinedOnesAlways) {
  SmallVocabulary vocabulary = SmallVocabulary::bpe({}, {}, "gpt-2");
  vocabulary.add("<|c|>", TokenType::control);
  vocabulary.add("<|u|>", TokenType::user_defined);
  vocabulary.add("<|k|>", TokenType::unknown);
  const auto tokenizer = open(vocabulary);
  const std::string text = "<|c|><|u|><|k|>";
  const std::vector<TokenId> plain = tokenizer->encode(text, {});
  EXPECT_EQ(plain.size(), 11u);  // 5 + 1 + 5
  EXPECT_EQ(plain[5], vocabulary.id("<|u|>"));
  EXPECT_THAT(texts_of(*tokenizer, tokenizer->encode(text, {.parse_special = true})),
              ElementsAre("<|c|>", "<|u|>", "<|k|>"));
}

TEST(SpecialTokens, TheLongestOfThemIsFoundFirst) {
  SmallVocabulary vocabulary = SmallVocabulary::bpe({}, {}, "gpt-2");
  for (const char* text : {"xx", "xxxxx", "xxyz", "yzx"}) {
    vocabulary.add(text, TokenType::user_defined);
  }
  const auto tokenizer = open(vocabulary);
  const auto encoded = [&](const char* text) {
    return texts_of(*tokenizer, tokenizer->encode(text, {}));
  };
  EXPECT_THAT(encoded("xxxxxxxx"), ElementsAre("xxxxx", "xx", "x"));
  EXPECT_THAT(encoded("xxxxxxxyz"), ElementsAre("xxxxx", "xxyz"));
  EXPECT_THAT(encoded("xxyzxxxxx"), ElementsAre("xxyz", "xxxxx"));
  // "yzx" begins left of "xxxxx", but is shorter and shares an x with it.
  EXPECT_THAT(encoded("xyzxxxxx"), ElementsAre("x", "y", "z", "xxxxx"));
  EXPECT_THAT(encoded("xyzx"), ElementsAre("x", "yzx"));
}

TEST(SpecialTokens, OfPhi3TakeTheWhiteSpaceAfterThemAlong) {
  SmallVocabulary vocabulary = SmallVocabulary::spm({{"\u2581", -1}, {"x", -2}, {"\u2581x", -1}});
  vocabulary.add("<|end|>", TokenType::control);
  vocabulary.set("general.name", std::string_view("My Phi-3 Mini"));
  const auto tokenizer = open(vocabulary);
  const auto encoded = [&](const char* text) {
    return texts_of(*tokenizer, tokenizer->encode(text, {.parse_special = true}));
  };
  EXPECT_THAT(encoded("x<|end|> \n\t x"), ElementsAre("\u2581x", "<|end|>", "\u2581x"));
  EXPECT_THAT(encoded("x<|end|> \n"), ElementsAre("\u2581x", "<|end|>"));
  EXPECT_THAT(encoded("<s> x"), ElementsAre("<s>", "\u2581", "\u2581x"));
}

TEST(Decoding, SkipsControlTokensWhenAsked) {
  SmallVocabulary vocabulary = SmallVocabulary::spm({{"\u2581x", -1}});
  vocabulary.add("<u\u2581>", TokenType::user_defined);
  vocabulary.add("hidden", TokenType::unused);
  const auto tokenizer = open(vocabulary);
  const std::vector<TokenId> tokens = {1, 259, 260, 261, kByte0 + 0xC3, kByte0 + 0xA9, 2};
  EXPECT_EQ(tokenizer->decode(tokens, {}), "<s> x<u\u2581>\u00E9</s>");
  EXPECT_EQ(tokenizer->decode(tokens, {.skip_control = true}), " x<u\u2581>\u00E9");
  EXPECT_EQ(tokenizer->decode(tokens, {.skip_control = true, .strip_leading_space = true}),
            "x<u\u2581>\u00E9");
  EXPECT_EQ(tokenizer->decode(tokens, {.strip_leading_space = true}), "<s>x<u\u2581>\u00E9</s>");
}

TEST(Ends, AreTheIdsOfTheFileAndTheWellKnownTexts) {
  SmallVocabulary vocabulary = SmallVocabulary::spm({{"x", -1}});
  vocabulary.add("<|im_end|>", TokenType::normal);   // 260
  vocabulary.add("<|eom_id|>", TokenType::control);  // 261
  vocabulary.set("tokenizer.ggml.eot_token_id", uint64_t{259});
  const auto tokenizer = open(vocabulary);
  EXPECT_THAT(tokenizer->end_tokens(), ElementsAre(2, 259, 260, 261));
  EXPECT_TRUE(tokenizer->is_end(260));
  EXPECT_FALSE(tokenizer->is_end(1));
  // A well-known end is a control token even where the file says normal.
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{260}, {.skip_control = true}), "");
}

TEST(Ends, DoNotIncludeTheEndOfAMessageInHarmony) {
  SmallVocabulary vocabulary = SmallVocabulary::bpe({}, {}, "gpt-4o");
  for (const char* text : {"<|return|>", "<|call|>", "<|end|>", "<|channel|>"}) {
    vocabulary.add(text, TokenType::control);
  }
  const auto tokenizer = open(vocabulary);
  EXPECT_THAT(tokenizer->end_tokens(), ElementsAre(256, 257));
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{258, 259}, {.skip_control = true}),
            "<|end|><|channel|>");
}

}  // namespace
}  // namespace ix::tokenizer
