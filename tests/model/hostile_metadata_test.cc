// Every key that an architecture reads, with every kind of value that makes no sense: a file is
// refused as the file's fault or gives a graph that verifies, and nothing else happens.
#include <gtest/gtest.h>

#include <limits>

#include "model/model.h"
#include "mutant.h"

namespace ix::model {
namespace {

const char* const kKeys[] = {
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.layer_norm_rms_epsilon",
    "attention.sliding_window",
    "attention.sliding_window_pattern",
    "attention.value_length",
    "attn_logit_softcapping",
    "block_count",
    "context_length",
    "embedding_length",
    "expert_count",
    "feed_forward_length",
    "final_logit_softcapping",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.freq_base_swa",
    "rope.scale_linear",
    "rope.scaling.attn_factor",
    "rope.scaling.factor",
    "rope.scaling.original_context_length",
    "rope.scaling.type",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
};

std::vector<gguf::TypedValue> hostile_values() {
  return {uint32_t{0},
          uint32_t{1},
          int32_t{-1},
          uint32_t{3},
          std::numeric_limits<uint32_t>::max(),
          std::numeric_limits<int64_t>::min(),
          std::numeric_limits<int64_t>::max(),
          std::numeric_limits<uint64_t>::max(),
          std::numeric_limits<float>::quiet_NaN(),
          -std::numeric_limits<float>::infinity(),
          std::numeric_limits<float>::denorm_min(),
          std::numeric_limits<double>::max(),
          true,
          std::string("yarn"),
          std::vector<uint32_t>{},
          std::vector<uint32_t>{0, 0},
          std::vector<float>{1.0F},
          std::vector<std::string>{"x"}};
}

class HostileMetadata : public testing::TestWithParam<const char*> {};

TEST_P(HostileMetadata, IsRefusedOrRuns) {
  const std::string model = GetParam();
  const std::string architecture = model.substr(0, model.find('-'));
  int refused = 0;
  for (const char* key : kKeys) {
    const auto values = hostile_values();
    for (size_t i = 0; i < values.size(); ++i) {
      const std::string name = architecture + "." + key;
      const auto file = Mutant(GetParam()).set(name, values[i]).open();
      const auto decoder = build_decoder(*file, {});
      const bool nothing_found = what_would_not_run(*file).empty();
      EXPECT_EQ(decoder.ok(), nothing_found) << name << " with value " << i;
      if (decoder.ok()) continue;
      ++refused;
      const StatusCode code = decoder.status().code();
      EXPECT_TRUE(code == StatusCode::corrupt || code == StatusCode::unsupported)
          << name << " with value " << i << ": " << decoder.status().message();
    }
  }
  EXPECT_GT(refused, 200);
}

INSTANTIATE_TEST_SUITE_P(All, HostileMetadata,
                         testing::Values("llama-yarn-f32", "qwen3-f32", "gemma3-f32", "phi3-f32"),
                         [](const auto& model) {
                           const std::string text = model.param;
                           return text.substr(0, text.find('-'));
                         });

}  // namespace
}  // namespace ix::model
