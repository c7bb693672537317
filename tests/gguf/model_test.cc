// Real models. The expected values are those of the models' cards and of facts about their mix of
// types, not of this reader.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "gguf/gguf_file.h"
#include "support/paths.h"

namespace ix::gguf {
namespace {

std::map<std::string, int> count_types(const GgufFile& file) {
  std::map<std::string, int> counts;
  for (const quant::TensorView& view : file.tensors()) ++counts[quant::type_name(view.type)];
  return counts;
}

TEST(RealModel, Gemma3Of270MIsReadAsItsCardDescribesIt) {
  const auto file = GgufFile::open(paths::cached("models/gemma-3-270m-q4_k_m.gguf"));
  ASSERT_TRUE(file.ok()) << file.status().message();
  const Metadata& metadata = (*file)->metadata();
  EXPECT_EQ((*file)->size_bytes(), 253113024u);
  EXPECT_EQ(metadata.get_string("general.architecture").value(), "gemma3");
  EXPECT_EQ(metadata.get_int("general.file_type").value(), 15);  // Q4_K_M
  EXPECT_EQ(metadata.get_int("gemma3.block_count").value(), 18);
  EXPECT_EQ(metadata.get_int("gemma3.embedding_length").value(), 640);
  EXPECT_EQ(metadata.get_int("gemma3.context_length").value(), 32768);
  EXPECT_EQ(metadata.get_strings("tokenizer.ggml.tokens")->size(), 262144u);
  const auto counts = count_types(**file);
  EXPECT_EQ(counts.at("Q5_0"), 81);
  EXPECT_EQ(counts.at("Q4_K"), 27);
  EXPECT_EQ(counts.at("Q6_K"), 9);
  EXPECT_EQ(counts.at("Q8_0"), 10);
  const auto embedding = (*file)->find("token_embd.weight");
  ASSERT_TRUE(embedding.ok());
  EXPECT_EQ(embedding->cols(), 640);
  EXPECT_EQ(embedding->rows(), 262144);
}

TEST(RealModel, SmolLM2Of135MIsReadAsItsCardDescribesIt) {
  const auto file = GgufFile::open(paths::cached("models/smollm2-135m-instruct-q4_1.gguf"));
  ASSERT_TRUE(file.ok()) << file.status().message();
  const Metadata& metadata = (*file)->metadata();
  EXPECT_EQ(metadata.get_string("general.architecture").value(), "llama");
  EXPECT_EQ(metadata.get_int("llama.block_count").value(), 30);
  EXPECT_EQ(metadata.get_int("llama.embedding_length").value(), 576);
  EXPECT_EQ(metadata.get_int("llama.attention.head_count").value(), 9);
  EXPECT_EQ(metadata.get_int("llama.attention.head_count_kv").value(), 3);
  EXPECT_EQ(metadata.get_strings("tokenizer.ggml.tokens")->size(), 49152u);
}

}  // namespace
}  // namespace ix::gguf
