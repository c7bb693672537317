// Special tokens of real vocabularies, held against what llama.cpp makes of them
// (special_tokens.json, recorded by record_special_tokens.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tokenizer/vocabulary_files.h"

namespace ix::tokenizer {
namespace {

using nlohmann::json;
using testing::ElementsAreArray;

class RecordedSpecialTokens : public testing::TestWithParam<const char*> {};

TEST_P(RecordedSpecialTokens, AreThoseOfLlamaTokenize) {
  std::ifstream in(IX_TOKENIZER_TESTS "/special_tokens.json");
  const json recorded = json::parse(in, nullptr, false);
  ASSERT_FALSE(recorded.is_discarded());
  const json& cases = recorded.at("vocabularies").at(GetParam());
  ASSERT_GE(cases.size(), 24u);
  auto loaded = load_tokenizer(GetParam());
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  const Tokenizer& tokenizer = *loaded->tokenizer;
  for (const json& one : cases) {
    const auto text = one.at("text").get<std::string>();
    const auto ids = [&](const char* mode) { return one.at(mode).get<std::vector<TokenId>>(); };
    EXPECT_EQ(tokenizer.encode(text, {}), ids("plain")) << text;
    EXPECT_EQ(tokenizer.encode(text, {.parse_special = true}), ids("parsed")) << text;
    EXPECT_EQ(tokenizer.encode(text, {.add_special = true, .parse_special = true}),
              ids("parsed_with_bos"))
        << text;
  }
}

INSTANTIATE_TEST_SUITE_P(, RecordedSpecialTokens,
                         testing::Values("gemma-3-270m-q4_k_m", "smollm2-135m-instruct-q4_1",
                                         "llama-bpe", "phi-3", "qwen2", "deepseek-llm"),
                         [](const auto& param_info) {
                           std::string name = param_info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

struct Ends {
  const char* vocabulary;
  TokenId bos, eos;
  std::vector<TokenId> ends;
};

class EndTokens : public testing::TestWithParam<Ends> {};

TEST_P(EndTokens, AreThoseThatLlamaCppStopsAt) {
  auto loaded = load_tokenizer(GetParam().vocabulary);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(loaded->tokenizer->bos(), GetParam().bos);
  EXPECT_EQ(loaded->tokenizer->eos(), GetParam().eos);
  EXPECT_THAT(loaded->tokenizer->end_tokens(), ElementsAreArray(GetParam().ends));
}

// From the lines "EOG token" that llama-tokenize -v of llama.cpp b11434 prints.
INSTANTIATE_TEST_SUITE_P(, EndTokens,
                         testing::Values(Ends{"gemma-3-270m-q4_k_m", 2, 1, {1, 106, 212}},
                                         Ends{"smollm2-135m-instruct-q4_1", 1, 2, {0, 2, 4}},
                                         Ends{"llama-bpe", 128000, 128001, {128001, 128009}},
                                         Ends{"phi-3", 1, 32000, {2, 32000, 32007}},
                                         Ends{"qwen2", 151643, 151643, {128247, 151643, 151645}},
                                         Ends{"deepseek-llm", 100000, 100001, {100001}},
                                         Ends{"starcoder", 0, 0, {0, 4}},
                                         Ends{"llama-spm", 1, 2, {2}},
                                         Ends{"command-r", 5, 255001, {0, 255001}},
                                         Ends{"falcon", 11, 11, {11}}),
                         [](const auto& param_info) {
                           std::string name = param_info.param.vocabulary;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace ix::tokenizer
