// Vocabularies that contradict themselves are refused, and the message names the key.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tokenizer/small_vocabularies.h"

namespace ix::tokenizer {
namespace {

using gguf::FloatArray;
using gguf::IntArray;
using gguf::StringArray;
using testing::HasSubstr;

SmallVocabulary any_spm() { return SmallVocabulary::spm({{"a", -1}, {"b", -2}, {"ab", -3}}); }
SmallVocabulary any_bpe() { return SmallVocabulary::bpe({"ab"}, {"a b"}, "gpt-2"); }

void expect_refused(SmallVocabulary vocabulary, StatusCode code, const std::string& key) {
  const auto opened = vocabulary.open();
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.status().code(), code) << opened.status().message();
  EXPECT_THAT(opened.status().message(), HasSubstr(key));
}

void expect_corrupt(SmallVocabulary vocabulary, const std::string& key) {
  expect_refused(std::move(vocabulary), StatusCode::corrupt, key);
}

TEST(VocabularyChecks, AcceptBothKinds) {
  EXPECT_TRUE(any_spm().open().ok());
  EXPECT_TRUE(any_bpe().open().ok());
}

TEST(VocabularyChecks, RefuseAnUnknownModelAndAnUnknownPreTokenizer) {
  SmallVocabulary model = any_spm();
  model.set("tokenizer.ggml.model", std::string_view("rwkv"));
  expect_refused(model, StatusCode::unsupported, "tokenizer.ggml.model is \"rwkv\"");
  expect_refused(SmallVocabulary::bpe({}, {}, "no-such"), StatusCode::unsupported,
                 "tokenizer.ggml.pre is \"no-such\"");
}

TEST(VocabularyChecks, RefuseMetadataWithoutATokenizer) {
  const auto opened = Tokenizer::create(gguf::Metadata());
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.status().code(), StatusCode::corrupt);
  EXPECT_THAT(opened.status().message(), HasSubstr("tokenizer.ggml.model"));
}

TEST(VocabularyChecks, RefuseTokensThatAreMissingOrNotTexts) {
  gguf::Metadata metadata;
  metadata.insert("tokenizer.ggml.model", std::string_view("llama"));
  const auto opened = Tokenizer::create(metadata);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.status().code(), StatusCode::corrupt);
  EXPECT_THAT(opened.status().message(), HasSubstr("tokenizer.ggml.tokens"));

  SmallVocabulary numbers = any_spm();
  numbers.set("tokenizer.ggml.tokens", IntArray{{1, 2, 3}});
  expect_corrupt(numbers, "tokenizer.ggml.tokens");
  SmallVocabulary none = any_spm();
  none.set("tokenizer.ggml.tokens", StringArray{});
  expect_corrupt(none, "tokenizer.ggml.tokens");
}

TEST(VocabularyChecks, RefuseArraysShorterThanTheTokens) {
  SmallVocabulary scores = any_spm();
  scores.scores().pop_back();
  expect_corrupt(scores, "tokenizer.ggml.scores has 261 elements");
  SmallVocabulary types = any_bpe();
  types.types().pop_back();
  expect_corrupt(types, "tokenizer.ggml.token_type has 256 elements");
}

TEST(VocabularyChecks, RefuseArraysOfTheWrongType) {
  SmallVocabulary scores = any_spm();
  scores.set("tokenizer.ggml.scores", StringArray{});
  expect_corrupt(scores, "tokenizer.ggml.scores");
  SmallVocabulary types = any_spm();
  types.set("tokenizer.ggml.token_type", FloatArray{});
  expect_corrupt(types, "tokenizer.ggml.token_type");
  SmallVocabulary merges = any_bpe();
  merges.set("tokenizer.ggml.merges", uint64_t{1});
  expect_corrupt(merges, "tokenizer.ggml.merges");
}

TEST(VocabularyChecks, RefuseAScoreThatIsNotANumber) {
  SmallVocabulary vocabulary = any_spm();
  vocabulary.scores()[5] = std::numeric_limits<double>::quiet_NaN();
  expect_corrupt(vocabulary, "tokenizer.ggml.scores[5]");
}

TEST(VocabularyChecks, RefuseATokenTypeOutOfRange) {
  for (const int64_t type : {int64_t{-1}, int64_t{7}, std::numeric_limits<int64_t>::max()}) {
    SmallVocabulary vocabulary = any_spm();
    vocabulary.types()[4] = type;
    expect_corrupt(vocabulary, "tokenizer.ggml.token_type[4]");
  }
}

TEST(VocabularyChecks, RefuseATokenTextThatIsTooLong) {
  SmallVocabulary vocabulary = any_spm();
  vocabulary.texts()[260] = std::string(16385, 'x');
  expect_corrupt(vocabulary, "tokenizer.ggml.tokens[260] is 16385 bytes long");
}

TEST(VocabularyChecks, RefuseByteTokensThatNameNoByte) {
  for (const char* text : {"<0x-1>", "<0x1>", "<0x100>", "<0xG0>", "", "x"}) {
    SmallVocabulary vocabulary = any_spm();
    vocabulary.texts()[3] = text;
    expect_corrupt(vocabulary, "tokenizer.ggml.tokens[3]");
  }
}

TEST(VocabularyChecks, RefuseSpecialIdsOutsideTheVocabulary) {
  for (const char* role : {"bos", "eos", "eot", "eom", "unknown", "fim_pre", "fim_pad"}) {
    const std::string key = std::string("tokenizer.ggml.") + role + "_token_id";
    for (const uint64_t id : {uint64_t{262}, uint64_t{UINT32_MAX}, UINT64_MAX}) {
      SmallVocabulary vocabulary = any_spm();
      vocabulary.set(key, id);
      expect_corrupt(vocabulary, key);
    }
    SmallVocabulary negative = any_spm();
    negative.set(key, int64_t{-1});
    expect_corrupt(negative, key);
    SmallVocabulary last = any_spm();
    last.set(key, uint64_t{261});
    EXPECT_TRUE(last.open().ok());
  }
}

TEST(VocabularyChecks, RefuseFlagsThatAreNotBooleans) {
  for (const char* key : {"tokenizer.ggml.add_bos_token", "tokenizer.ggml.add_eos_token",
                          "tokenizer.ggml.add_space_prefix"}) {
    SmallVocabulary vocabulary = any_spm();
    vocabulary.set(key, std::string_view("yes"));
    expect_corrupt(vocabulary, key);
  }
}

TEST(VocabularyChecks, RefuseMergesThatAreNotTwoTexts) {
  for (const char* merge : {"", "ab", " ", "a ", " b"}) {
    SmallVocabulary vocabulary = any_bpe();
    vocabulary.merges().push_back(merge);
    expect_corrupt(vocabulary, "tokenizer.ggml.merges[1]");
  }
}

TEST(VocabularyChecks, RefuseBpeWithoutMerges) {
  SmallVocabulary vocabulary = any_spm();  // tokens and types, but no merges
  vocabulary.set("tokenizer.ggml.model", std::string_view("gpt2"));
  vocabulary.types().assign(vocabulary.types().size(), 1);
  expect_corrupt(vocabulary, "tokenizer.ggml.merges");
}

TEST(VocabularyChecks, AcceptEmptyAndRepeatedTokenTexts) {
  SmallVocabulary vocabulary = any_spm();
  for (const char* text : {"", "", "ab"}) vocabulary.add(text, TokenType::normal, -1);
  auto opened = vocabulary.open();
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  vocabulary.set("tokenizer.ggml.add_space_prefix", false);
  opened = vocabulary.open();
  // Of equal texts the last one is used, as in llama.cpp.
  EXPECT_THAT((*opened)->encode("ab", {}), testing::ElementsAre(264));
}

TEST(VocabularyChecks, IdsOutsideTheVocabularyDecodeToNothing) {
  SmallVocabulary vocabulary = any_spm();
  const auto opened = vocabulary.open();
  ASSERT_TRUE(opened.ok());
  for (const TokenId token : {-1, 262, INT32_MAX, INT32_MIN}) {
    EXPECT_EQ((*opened)->token_bytes(token), "");
    EXPECT_EQ((*opened)->token_text(token), "");
    EXPECT_EQ((*opened)->token_type(token), TokenType::unused);
    EXPECT_FALSE((*opened)->is_end(token));
    EXPECT_EQ((*opened)->decode(std::vector<TokenId>{259, token, 260}, {}), "ab");
  }
}

}  // namespace
}  // namespace ix::tokenizer
