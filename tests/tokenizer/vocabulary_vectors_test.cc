// llama.cpp's test vectors: ggml-vocab-NAME.gguf.inp holds texts separated by a line
// "__ggml_vocab_test__", .out the ids of each in one line, tokenised without BOS and without
// special tokens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <sstream>

#include "tokenizer/vocabulary_files.h"

namespace ix::tokenizer {
namespace {

struct Vector {
  std::string text;
  std::vector<TokenId> tokens;
};

std::vector<Vector> read_vectors(const std::string& name) {
  const std::string path = vocabulary_path(name);
  std::ifstream in(path + ".inp", std::ios::binary);
  std::ifstream out(path + ".out");
  EXPECT_TRUE(in && out) << path << ".inp or .out cannot be read";
  const std::string all{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  const std::string separator = "\n__ggml_vocab_test__\n";
  std::vector<Vector> vectors;
  for (size_t at = 0; at < all.size();) {
    const size_t end = std::min(all.find(separator, at), all.size());
    Vector vector;
    vector.text = all.substr(at, end - at);
    std::string line;
    EXPECT_TRUE(std::getline(out, line)) << "fewer lines in .out than texts in .inp";
    std::istringstream ids(line);
    for (TokenId id = 0; ids >> id;) vector.tokens.push_back(id);
    vectors.push_back(std::move(vector));
    at = end + separator.size();
  }
  std::string line;
  EXPECT_FALSE(std::getline(out, line)) << "more lines in .out than texts in .inp";
  return vectors;
}

class VocabularyVectors : public testing::TestWithParam<const char*> {};

TEST_P(VocabularyVectors, EveryTextBecomesTheRecordedTokens) {
  auto loaded = load_tokenizer(GetParam());
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  const std::vector<Vector> vectors = read_vectors(GetParam());
  ASSERT_GE(vectors.size(), 40u);
  for (const Vector& vector : vectors) {
    EXPECT_EQ(loaded->tokenizer->encode(vector.text, {}), vector.tokens) << vector.text;
  }
}

TEST_P(VocabularyVectors, TheRecordedTokensBecomeTheTextAgain) {
  auto loaded = load_tokenizer(GetParam());
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  DecodeOptions options;
  options.strip_leading_space = true;  // SPM puts a space before a text
  for (const Vector& vector : read_vectors(GetParam())) {
    EXPECT_EQ(loaded->tokenizer->decode(vector.tokens, options), vector.text);
  }
}

INSTANTIATE_TEST_SUITE_P(, VocabularyVectors,
                         testing::Values("llama-spm", "phi-3", "llama-bpe", "gpt-2", "qwen2",
                                         "qwen35", "deepseek-llm", "deepseek-coder", "starcoder",
                                         "falcon", "command-r", "refact", "mpt"),
                         [](const auto& param_info) {
                           std::string name = param_info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace ix::tokenizer
