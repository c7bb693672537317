#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "model/model.h"
#include "mutant.h"

namespace ix::model {
namespace {

using quant::TensorType;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::SizeIs;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Refusal {
  const char* name;
  const char* model;
  std::function<void(Mutant&)> mutate;
  StatusCode code;
  const char* message;  // whole
};

void PrintTo(const Refusal& refusal, std::ostream* os) { *os << refusal.name; }

class RefusedFile : public testing::TestWithParam<Refusal> {};

TEST_P(RefusedFile, IsRefusedByName) {
  Mutant mutant(GetParam().model);
  GetParam().mutate(mutant);
  const auto file = mutant.open();
  const auto decoder = build_decoder(*file, {});
  ASSERT_FALSE(decoder.ok());
  EXPECT_EQ(decoder.status().code(), GetParam().code);
  EXPECT_EQ(decoder.status().message(), GetParam().message);
  EXPECT_THAT(what_would_not_run(*file), Contains(GetParam().message));
}

auto set(const char* key, gguf::TypedValue value) {
  return [=](Mutant& m) { m.set(key, value); };
}
auto drop_key(const char* key) {
  return [=](Mutant& m) { m.drop_key(key); };
}
auto drop_tensor(const char* name) {
  return [=](Mutant& m) { m.drop_tensor(name); };
}
auto set_tensor(const char* name, TensorType type, std::vector<int64_t> dims) {
  return [=](Mutant& m) { m.set_tensor(name, type, dims); };
}
auto poke(const char* name, size_t index, float number) {
  return [=](Mutant& m) { m.poke(name, index, number); };
}

constexpr StatusCode kCorrupt = StatusCode::corrupt;
constexpr StatusCode kUnsupported = StatusCode::unsupported;

const Refusal kRefusals[] = {
    {"no_architecture", "llama-f32", drop_key("general.architecture"), kCorrupt,
     "key 'general.architecture' is missing"},
    {"unknown_architecture", "llama-f32", set("general.architecture", "mamba"), kUnsupported,
     "architecture 'mamba' is not supported; known are gemma2, gemma3, llama, phi3, qwen2, qwen3"},
    {"architecture_with_control_characters", "llama-f32", set("general.architecture", "\x1b[2J"),
     kUnsupported,
     "architecture '\\x1b[2J' is not supported; known are gemma2, gemma3, llama, phi3, qwen2, "
     "qwen3"},
    {"no_block_count", "llama-f32", drop_key("llama.block_count"), kCorrupt,
     "key 'llama.block_count' is missing"},
    {"block_count_zero", "llama-f32", set("llama.block_count", uint32_t{0}), kCorrupt,
     "key 'llama.block_count' is 0, expected 1 to 1024"},
    {"block_count_negative", "llama-f32", set("llama.block_count", int32_t{-1}), kCorrupt,
     "key 'llama.block_count' is -1, expected 1 to 1024"},
    {"block_count_insane", "llama-f32", set("llama.block_count", uint64_t{1} << 40), kCorrupt,
     "key 'llama.block_count' is 1099511627776, expected 1 to 1024"},
    {"block_count_above_the_tensors", "llama-f32", set("llama.block_count", uint32_t{3}), kCorrupt,
     "tensor 'blk.2.attn_norm.weight' is missing, expected as [64]"},
    {"block_count_below_the_tensors", "llama-f32", set("llama.block_count", uint32_t{1}),
     kUnsupported, "tensor 'blk.1.attn_k.weight' is no part of the architecture llama"},
    {"no_context_length", "llama-f32", drop_key("llama.context_length"), kCorrupt,
     "key 'llama.context_length' is missing"},
    {"context_length_zero", "llama-f32", set("llama.context_length", uint32_t{0}), kCorrupt,
     "key 'llama.context_length' is 0, expected 1 to 2147483647"},
    {"embedding_length_zero", "llama-f32", set("llama.embedding_length", uint32_t{0}), kCorrupt,
     "key 'llama.embedding_length' is 0, expected 1 to 1048576"},
    {"embedding_length_not_divisible", "llama-f32", set("llama.embedding_length", uint32_t{66}),
     kCorrupt,
     "key 'llama.embedding_length' is 66, which is no multiple of the 4 of "
     "llama.attention.head_count"},
    {"head_count_zero", "llama-f32", set("llama.attention.head_count", uint32_t{0}), kCorrupt,
     "key 'llama.attention.head_count' is 0, expected 1 to 16384"},
    {"kv_head_count_zero", "llama-f32", set("llama.attention.head_count_kv", uint32_t{0}), kCorrupt,
     "key 'llama.attention.head_count_kv' is 0, expected 1 to 16384"},
    {"head_count_that_kv_heads_do_not_divide", "llama-f32",
     set("llama.attention.head_count_kv", uint32_t{3}), kCorrupt,
     "key 'llama.attention.head_count' is 4, which is no multiple of the 3 of "
     "llama.attention.head_count_kv"},
    {"head_counts_that_differ", "llama-f32",
     set("llama.attention.head_count", std::vector<uint32_t>{4, 2}), kUnsupported,
     "key 'llama.attention.head_count' differs from layer to layer, which is not supported"},
    {"head_counts_too_few", "llama-f32",
     set("llama.attention.head_count_kv", std::vector<uint32_t>{2}), kCorrupt,
     "key 'llama.attention.head_count_kv' has 1 items, expected one for each of 2 layers"},
    {"key_length_zero", "qwen3-f32", set("qwen3.attention.key_length", uint32_t{0}), kCorrupt,
     "key 'qwen3.attention.key_length' is 0, expected 1 to 16384"},
    {"rotary_beyond_the_head", "phi3-f32", set("phi3.rope.dimension_count", uint32_t{18}), kCorrupt,
     "key 'phi3.rope.dimension_count' is 18, expected an even number up to 16"},
    {"rotary_odd", "phi3-f32", set("phi3.rope.dimension_count", uint32_t{11}), kCorrupt,
     "key 'phi3.rope.dimension_count' is 11, expected an even number up to 16"},
    {"rotary_partial_in_llama", "llama-f32", set("llama.rope.dimension_count", uint32_t{8}),
     kCorrupt, "key 'llama.rope.dimension_count' is 8, expected the head's width 16"},
    {"epsilon_nan", "llama-f32", set("llama.attention.layer_norm_rms_epsilon", kNan), kCorrupt,
     "key 'llama.attention.layer_norm_rms_epsilon' is nan, expected 0 or a number from 1e-18 to "
     "1e+18"},
    {"epsilon_negative", "llama-f32", set("llama.attention.layer_norm_rms_epsilon", -1.0F),
     kCorrupt,
     "key 'llama.attention.layer_norm_rms_epsilon' is -1, expected 0 or a number from 1e-18 to "
     "1e+18"},
    {"freq_base_infinite", "llama-f32", set("llama.rope.freq_base", kInfinity), kCorrupt,
     "key 'llama.rope.freq_base' is inf, expected a number from 1e-18 to 1e+18"},
    {"freq_base_zero", "llama-f32", set("llama.rope.freq_base", 0.0F), kCorrupt,
     "key 'llama.rope.freq_base' is 0, expected a number from 1e-18 to 1e+18"},
    {"freq_base_one_with_yarn", "llama-yarn-f32", set("llama.rope.freq_base", 1.0F), kCorrupt,
     "key 'llama.rope.freq_base' is 1, expected more than 1 with YaRN"},
    {"scaling_factor_nan", "llama-linear-f32", set("llama.rope.scaling.factor", kNan), kCorrupt,
     "key 'llama.rope.scaling.factor' is nan, expected 0 or a number from 1e-18 to 1e+18"},
    {"scaling_factor_below_one_with_yarn", "llama-yarn-f32", set("llama.rope.scaling.factor", 0.5F),
     kCorrupt, "key 'llama.rope.scaling.factor' is 0.5, expected at least 1 with YaRN"},
    {"scaling_type_unknown", "llama-f32", set("llama.rope.scaling.type", "dynamic"), kUnsupported,
     "key 'llama.rope.scaling.type' is 'dynamic', which is not supported; known are none, linear, "
     "yarn and longrope"},
    {"original_context_zero", "llama-yarn-f32",
     set("llama.rope.scaling.original_context_length", uint32_t{0}), kCorrupt,
     "key 'llama.rope.scaling.original_context_length' is 0, expected 1 to 2147483647"},
    {"score_cap_nan", "gemma2-f32", set("gemma2.attn_logit_softcapping", kNan), kCorrupt,
     "key 'gemma2.attn_logit_softcapping' is nan, expected 0 or a number from 1e-18 to 1e+18"},
    {"logit_cap_negative", "gemma3-f32", set("gemma3.final_logit_softcapping", -30.0F), kCorrupt,
     "key 'gemma3.final_logit_softcapping' is -30, expected 0 or a number from 1e-18 to 1e+18"},
    {"window_negative", "gemma2-f32", set("gemma2.attention.sliding_window", int32_t{-8}), kCorrupt,
     "key 'gemma2.attention.sliding_window' is -8, expected 0 to 2147483647"},
    {"window_pattern_too_short", "gemma3-f32",
     set("gemma3.attention.sliding_window_pattern", std::vector<bool>{true}), kCorrupt,
     "key 'gemma3.attention.sliding_window_pattern' has 1 items, expected 7"},
    {"experts", "llama-f32", set("llama.expert_count", uint32_t{8}), kUnsupported,
     "key 'llama.expert_count' is above 0: mixtures of experts are not supported"},
    {"no_embedding", "llama-f32", drop_tensor("token_embd.weight"), kCorrupt,
     "tensor 'token_embd.weight' is missing"},
    {"fewer_tokens_than_rows", "llama-f32",
     set("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b"}), kCorrupt,
     "tensor 'token_embd.weight' has 320 rows, expected one for each of the 2 strings of "
     "'tokenizer.ggml.tokens'"},
    {"tokens_that_are_numbers", "llama-f32",
     set("tokenizer.ggml.tokens", std::vector<uint32_t>{1, 2}), kCorrupt,
     "tensor 'token_embd.weight' has 320 rows, expected one for each of the 0 strings of "
     "'tokenizer.ggml.tokens'"},
    {"vocab_size_unlike_the_rows", "llama-f32",
     [](Mutant& m) { m.drop_key("tokenizer.ggml.tokens").set("llama.vocab_size", uint32_t{321}); },
     kCorrupt,
     "tensor 'token_embd.weight' has 320 rows, expected the 321 of key 'llama.vocab_size'"},
    {"head_of_another_vocabulary", "llama-f32",
     set_tensor("output.weight", TensorType::f32, {64, 319}), kCorrupt,
     "tensor 'output.weight' is [319, 64], expected [320, 64]"},
    {"no_output_norm", "llama-f32", drop_tensor("output_norm.weight"), kCorrupt,
     "tensor 'output_norm.weight' is missing, expected as [64]"},
    {"no_tensor_of_a_layer", "llama-f32", drop_tensor("blk.1.ffn_down.weight"), kCorrupt,
     "tensor 'blk.1.ffn_down.weight' is missing, expected as [64, 160]"},
    {"no_head_norm", "qwen3-f32", drop_tensor("blk.0.attn_k_norm.weight"), kCorrupt,
     "tensor 'blk.0.attn_k_norm.weight' is missing, expected as [32]"},
    {"no_post_norm", "gemma2-f32", drop_tensor("blk.3.post_ffw_norm.weight"), kCorrupt,
     "tensor 'blk.3.post_ffw_norm.weight' is missing, expected as [64]"},
    {"transposed_tensor", "llama-f32",
     set_tensor("blk.0.ffn_down.weight", TensorType::f32, {64, 160}), kCorrupt,
     "tensor 'blk.0.ffn_down.weight' is [160, 64], expected [64, 160]"},
    {"tensor_of_three_dimensions", "llama-f32",
     set_tensor("blk.0.attn_q.weight", TensorType::f32, {64, 8, 8}), kCorrupt,
     "tensor 'blk.0.attn_q.weight' is [8, 8, 64], expected [64, 64]"},
    {"norm_of_another_width", "llama-f32",
     set_tensor("blk.0.attn_norm.weight", TensorType::f32, {63}), kCorrupt,
     "tensor 'blk.0.attn_norm.weight' is [63], expected [64]"},
    {"bias_of_another_width", "qwen2-f32", set_tensor("blk.0.attn_k.bias", TensorType::f32, {31}),
     kCorrupt, "tensor 'blk.0.attn_k.bias' is [31], expected [32]"},
    {"fused_tensor_of_another_width", "phi3-f32",
     set_tensor("blk.0.attn_qkv.weight", TensorType::f32, {64, 127}), kCorrupt,
     "tensor 'blk.0.attn_qkv.weight' is [127, 64], expected [128, 64]"},
    {"tensor_type", "llama-q4km",
     set_tensor("blk.2.attn_q.weight", TensorType::iq2_xxs, {256, 256}), kUnsupported,
     "tensor 'blk.2.attn_q.weight' is of type IQ2_XXS, which is not supported"},
    {"tensor_type_of_the_embedding", "llama-f32",
     set_tensor("token_embd.weight", TensorType::f64, {64, 320}), kUnsupported,
     "tensor 'token_embd.weight' is of type F64, which is not supported"},
    {"nan_in_a_norm", "llama-f32", poke("blk.1.ffn_norm.weight", 5, kNan), kCorrupt,
     "tensor 'blk.1.ffn_norm.weight' has nan at index 5, expected a number"},
    {"infinity_in_a_bias", "qwen2-f32", poke("blk.0.attn_q.bias", 0, kInfinity), kCorrupt,
     "tensor 'blk.0.attn_q.bias' has inf at index 0, expected a number"},
    {"rope_factor_zero", "phi3-f32", poke("rope_factors_long.weight", 2, 0.0F), kCorrupt,
     "tensor 'rope_factors_long.weight' has 0 at index 2, expected a positive number"},
    {"rope_factors_of_another_width", "llama-q4km",
     set_tensor("rope_freqs.weight", TensorType::f32, {16}), kCorrupt,
     "tensor 'rope_freqs.weight' is [16], expected [32]"},
    {"long_factors_without_short", "phi3-f32", drop_tensor("rope_factors_short.weight"), kCorrupt,
     "tensor 'rope_factors_short.weight' is missing, expected as [6]"},
    {"tensor_that_no_op_uses", "llama-f32",
     set_tensor("blk.0.attn_gate.weight", TensorType::f32, {64, 64}), kUnsupported,
     "tensor 'blk.0.attn_gate.weight' is no part of the architecture llama"},
};

INSTANTIATE_TEST_SUITE_P(All, RefusedFile, testing::ValuesIn(kRefusals),
                         [](const auto& refusal) { return std::string(refusal.param.name); });

TEST(WhatWouldNotRun, TellsEverything) {
  const auto file = Mutant("llama-f32")
                        .drop_tensor("blk.0.attn_q.weight")
                        .set_tensor("blk.1.attn_q.weight", TensorType::iq1_s, {256, 16})
                        .open();
  EXPECT_THAT(what_would_not_run(*file),
              testing::ElementsAre(
                  "tensor 'blk.0.attn_q.weight' is missing, expected as [64, 64]",
                  "tensor 'blk.1.attn_q.weight' is [16, 256], expected [64, 64]",
                  "tensor 'blk.1.attn_q.weight' is of type IQ1_S, which is not supported"));
}

// 1022 layers of nine tensors are missing: 9198 findings, of which 64 are told.
TEST(WhatWouldNotRun, IsBrief) {
  const auto file = Mutant("llama-f32").set("llama.block_count", uint32_t{1024}).open();
  const auto messages = what_would_not_run(*file);
  ASSERT_THAT(messages, SizeIs(65));
  EXPECT_EQ(messages.back(), "and 9134 more");
}

TEST(BuildDecoder, RefusesANegativeContext) {
  const auto file = Mutant("llama-f32").open();
  const auto decoder = build_decoder(*file, {.context_length = -1});
  EXPECT_EQ(decoder.status().code(), StatusCode::invalid_argument);
  EXPECT_EQ(decoder.status().message(), "context length -1 is negative; 0 is the model's own");
}

}  // namespace
}  // namespace ix::model
