#include "model/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "mutant.h"
#include "support/paths.h"
#include "support/tiny_models.h"

namespace ix::model {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::FloatEq;
using testing::IsEmpty;

graph::Decoder build(const gguf::GgufFile& file, int64_t context = 0) {
  auto decoder = build_decoder(file, {.context_length = context});
  EXPECT_TRUE(decoder.ok()) << decoder.status().message();
  return decoder.ok() ? std::move(decoder).value() : graph::Decoder{};
}

graph::Decoder build_tiny(const char* model, int64_t context = 0) {
  const auto file = gguf::GgufFile::open(tiny::tiny_path(model));
  EXPECT_TRUE(file.ok()) << file.status().message();
  return build(**file, context);
}

template <typename OpType>
std::vector<OpType> ops_of(const graph::Decoder& decoder) {
  std::vector<OpType> found;
  for (const graph::Op& op : decoder.ops) {
    if (const auto* match = std::get_if<OpType>(&op)) found.push_back(*match);
  }
  return found;
}

std::vector<int64_t> windows_of(const graph::Decoder& decoder) {
  std::vector<int64_t> windows;
  for (const graph::Attention& op : ops_of<graph::Attention>(decoder)) windows.push_back(op.window);
  return windows;
}

TEST(TinyModels, HeaderNamesEveryCase) {
  std::vector<std::string> written;
  for (const tiny::Case& item : tiny::read_cases()) written.push_back(item.name);
  std::vector<std::string> named(tiny::kCases.begin(), tiny::kCases.end());
  std::sort(written.begin(), written.end());
  std::sort(named.begin(), named.end());
  EXPECT_EQ(written, named);
}

class TinyModel : public testing::TestWithParam<const char*> {};

TEST_P(TinyModel, BuildsAVerifiedGraph) {
  const tiny::Case item = tiny::load_case(GetParam());
  const auto file = gguf::GgufFile::open(item.path);
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_THAT(what_would_not_run(**file), IsEmpty());
  const graph::Decoder decoder = build(**file, item.context_length);
  const Status verified = graph::verify(decoder);
  EXPECT_TRUE(verified.ok()) << verified.message();
  EXPECT_EQ(decoder.vocab_size, item.vocab);
  EXPECT_EQ(decoder.context_length, 1024);
}

INSTANTIATE_TEST_SUITE_P(All, TinyModel, testing::ValuesIn(tiny::kCases), [](const auto& name) {
  std::string text = name.param;
  std::replace(text.begin(), text.end(), '-', '_');
  return text;
});

TEST(Model, KnowsItsArchitectures) {
  EXPECT_THAT(supported_architectures(),
              ElementsAre("gemma2", "gemma3", "llama", "phi3", "qwen2", "qwen3"));
}

TEST(Model, StartsTheHeadAtTheFinalNorm) {
  const graph::Decoder decoder = build_tiny("llama-f32");
  const auto* norm = std::get_if<graph::RmsNorm>(&decoder.ops[decoder.head_op]);
  ASSERT_NE(norm, nullptr);
  EXPECT_EQ(norm->weight, "output_norm.weight");
}

TEST(Model, HeadReadsTheEmbeddingWhereThereIsNoOutput) {
  EXPECT_EQ(ops_of<graph::Linear>(build_tiny("llama-q4km")).back().weight, "token_embd.weight");
  EXPECT_EQ(ops_of<graph::Linear>(build_tiny("llama-f32")).back().weight, "output.weight");
}

TEST(Model, TakesBiasesWhereTheFileHasThem) {
  std::vector<std::string> biases;
  for (const graph::Linear& op : ops_of<graph::Linear>(build_tiny("qwen2-f32"))) {
    if (!op.bias.empty()) biases.push_back(op.bias);
  }
  EXPECT_THAT(biases, ElementsAre("blk.0.attn_q.bias", "blk.0.attn_k.bias", "blk.0.attn_v.bias",
                                  "blk.1.attn_q.bias", "blk.1.attn_k.bias", "blk.1.attn_v.bias",
                                  "output.bias"));
}

TEST(Model, LlamaDividesFrequenciesByItsFactors) {
  for (const graph::Rope& op : ops_of<graph::Rope>(build_tiny("llama-q4km"))) {
    EXPECT_EQ(op.factors, "rope_freqs.weight");
    EXPECT_EQ(op.pairs, graph::RopePairs::interleaved);
  }
}

TEST(Model, ReadsLinearScaling) {
  for (const graph::Rope& op : ops_of<graph::Rope>(build_tiny("llama-linear-f32"))) {
    EXPECT_EQ(op.freq_scale, 0.25F);
    EXPECT_EQ(op.ext_factor, 0.0F);
  }
}

TEST(Model, ReadsTheOldKeyOfLinearScaling) {
  const auto file = Mutant("llama-f32").set("llama.rope.scale_linear", 2.0F).open();
  for (const graph::Rope& op : ops_of<graph::Rope>(build(*file))) EXPECT_EQ(op.freq_scale, 0.5F);
}

TEST(Model, ScalingOfTypeNoneIsNoScaling) {
  const auto file = Mutant("llama-linear-f32").set("llama.rope.scaling.type", "none").open();
  for (const graph::Rope& op : ops_of<graph::Rope>(build(*file))) EXPECT_EQ(op.freq_scale, 1.0F);
}

TEST(Model, ReadsYarn) {
  const auto file = Mutant("llama-yarn-f32").set("llama.rope.scaling.yarn_beta_fast", 16.0F).open();
  for (const graph::Rope& op : ops_of<graph::Rope>(build(*file))) {
    EXPECT_EQ(op.freq_scale, 0.25F);
    EXPECT_EQ(op.ext_factor, 1.0F);
    EXPECT_EQ(op.attention_factor, 1.0F);
    EXPECT_EQ(op.beta_fast, 16.0F);
    EXPECT_EQ(op.beta_slow, 1.0F);
    EXPECT_EQ(op.original_context, 256);
  }
}

TEST(Model, Qwen3NormsHeadsOfTheirOwnWidth) {
  const graph::Decoder decoder = build_tiny("qwen3-f32");
  const graph::Attention attention = ops_of<graph::Attention>(decoder).front();
  EXPECT_EQ(attention.head_dim, 32);  // not 64 / 4
  std::vector<int64_t> groups;
  for (const graph::RmsNorm& op : ops_of<graph::RmsNorm>(decoder)) groups.push_back(op.group);
  EXPECT_THAT(groups, ElementsAre(64, 32, 32, 64, 64, 32, 32, 64, 64));
}

TEST(Model, Gemma2SlidesOnEveryOtherLayerFromTheFirst) {
  const graph::Decoder decoder = build_tiny("gemma2-f32");
  EXPECT_THAT(windows_of(decoder), ElementsAre(8, 0, 8, 0));
  EXPECT_EQ(decoder.kv_groups.size(), 2U);
  EXPECT_EQ(decoder.kv_groups[0].window, 8);
  EXPECT_EQ(decoder.kv_groups[1].window, 0);
}

TEST(Model, Gemma2CapsScoresAndLogits) {
  const graph::Decoder decoder = build_tiny("gemma2-f32");
  EXPECT_EQ(ops_of<graph::Attention>(decoder).front().soft_cap, 6.0F);
  EXPECT_EQ(ops_of<graph::SoftCap>(decoder).front().cap, 10.0F);
  EXPECT_EQ(ops_of<graph::Scale>(decoder).front().factor, 8.0F);  // sqrt(64)
}

TEST(Model, Gemma2CapsAndWindowHaveDefaults) {
  const auto file = Mutant("gemma2-f32")
                        .drop_key("gemma2.attn_logit_softcapping")
                        .drop_key("gemma2.final_logit_softcapping")
                        .drop_key("gemma2.attention.sliding_window")
                        .open();
  const graph::Decoder decoder = build(*file);
  EXPECT_EQ(ops_of<graph::Attention>(decoder).front().soft_cap, 50.0F);
  EXPECT_EQ(ops_of<graph::SoftCap>(decoder).front().cap, 30.0F);
  EXPECT_THAT(windows_of(decoder), ElementsAre(4096, 0, 4096, 0));
}

TEST(Model, Gemma3HasFiveSlidingLayersToOneGlobal) {
  EXPECT_THAT(windows_of(build_tiny("gemma3-f32")), ElementsAre(8, 8, 8, 8, 8, 0, 8));
}

TEST(Model, Gemma3SlidingLayersTurnByABaseOfTheirOwn) {
  std::vector<float> bases;
  std::vector<float> scales;
  for (const graph::Rope& op : ops_of<graph::Rope>(build_tiny("gemma3-f32"))) {
    bases.push_back(op.freq_base);
    scales.push_back(op.freq_scale);
  }
  EXPECT_THAT(bases, ElementsAre(1e4F, 1e4F, 1e4F, 1e4F, 1e4F, 1e4F, 1e4F, 1e4F, 1e4F, 1e4F, 1e6F,
                                 1e6F, 1e4F, 1e4F));
  EXPECT_THAT(scales, ElementsAre(1.0F, 1.0F, 1.0F, 1.0F, 1.0F, 1.0F, 1.0F, 1.0F, 1.0F, 1.0F,
                                  0.125F, 0.125F, 1.0F, 1.0F));
}

TEST(Model, Gemma3TakesThePatternOfTheFile) {
  const auto array = Mutant("gemma3-f32")
                         .set("gemma3.attention.sliding_window_pattern",
                              std::vector<bool>{false, true, true, false, true, true, true})
                         .open();
  EXPECT_THAT(windows_of(build(*array)), ElementsAre(0, 8, 8, 0, 8, 8, 8));
  const auto period =
      Mutant("gemma3-f32").set("gemma3.attention.sliding_window_pattern", uint32_t{3}).open();
  EXPECT_THAT(windows_of(build(*period)), ElementsAre(8, 8, 0, 8, 8, 0, 8));
}

TEST(Model, Gemma3WithoutAWindowSeesAllPositions) {
  const auto file = Mutant("gemma3-f32").drop_key("gemma3.attention.sliding_window").open();
  const graph::Decoder decoder = build(*file);
  EXPECT_THAT(windows_of(decoder), Each(0));
  for (const graph::Rope& op : ops_of<graph::Rope>(decoder)) EXPECT_EQ(op.freq_base, 1e6F);
}

TEST(Model, ScalesQueriesByTheHeadWidth) {
  const auto scale = [](const char* model) {
    return ops_of<graph::Attention>(build_tiny(model)).front().scale;
  };
  EXPECT_THAT(scale("llama-f32"), FloatEq(0.25F));          // 1 / sqrt(16)
  EXPECT_THAT(scale("gemma3-f32"), FloatEq(0.176776695F));  // 1 / sqrt(32), not of 64 / 4
}

TEST(Model, Phi3TakesTheFactorsOfTheContextInUse) {
  const auto factors = [](int64_t context) {
    return ops_of<graph::Rope>(build_tiny("phi3-f32", context)).front().factors;
  };
  EXPECT_EQ(factors(0), "rope_factors_long.weight");  // the model's own 1024
  EXPECT_EQ(factors(65), "rope_factors_long.weight");
  EXPECT_EQ(factors(64), "rope_factors_short.weight");
  EXPECT_EQ(factors(1), "rope_factors_short.weight");
}

TEST(Model, Phi3TurnsPartOfAHeadAndIgnoresTheWindow) {
  const graph::Rope rope = ops_of<graph::Rope>(build_tiny("phi3-f32")).front();
  EXPECT_EQ(rope.head_dim, 16);
  EXPECT_EQ(rope.rotary_dim, 12);
  EXPECT_EQ(rope.attention_factor, 1.25F);
  EXPECT_THAT(windows_of(build_tiny("phi3-q4km")), Each(0));
}

TEST(Model, BuildsRealModels) {
  for (const char* name : {"gemma-3-270m-q4_k_m.gguf", "smollm2-135m-instruct-q4_1.gguf"}) {
    const auto file = gguf::GgufFile::open(paths::cached(std::string("models/") + name));
    ASSERT_TRUE(file.ok()) << file.status().message();
    EXPECT_THAT(what_would_not_run(**file), IsEmpty());
    build(**file);
  }
}

}  // namespace
}  // namespace ix::model
