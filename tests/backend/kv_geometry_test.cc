#include "backend/kv_geometry.h"

#include <gtest/gtest.h>

#include <limits>

namespace ix::backend {
namespace {

graph::Decoder decoder_with(std::vector<graph::KvGroup> groups) {
  graph::Decoder decoder;
  decoder.kv_groups = std::move(groups);
  for (int32_t group = 0; group < static_cast<int32_t>(decoder.kv_groups.size()); ++group) {
    decoder.kv_layers.push_back(
        {.kv_heads = 2, .head_dim = 64, .value_head_dim = 32, .group = group});
  }
  return decoder;
}

TEST(KvGeometry, AFullGroupHoldsTheTokensAndAPartBlockASequence) {
  const auto kv =
      paged_kv(decoder_with({{.window = 0}}), {.kv_tokens = 1001, .max_sequences = 3}, 2);
  ASSERT_TRUE(kv.ok());
  EXPECT_EQ(kv->tokens_per_block, 16);
  EXPECT_EQ(kv->groups[0].blocks, 63 + 3);  // 1001 / 16 = 62.6
  EXPECT_EQ(kv->bytes_per_token, 2 * (64 + 32) * 2);
}

TEST(KvGeometry, AWindowedGroupNeedsLess) {
  const ExecutorOptions options{.max_rows = 64, .kv_tokens = 100000, .max_sequences = 2};
  const auto kv = paged_kv(decoder_with({{.window = 512}, {.window = 0}}), options, 4);
  ASSERT_TRUE(kv.ok());
  // 576 positions from the last of a block on touch 1 + 36 blocks; two sequences.
  EXPECT_EQ(kv->groups[0].blocks, 2 * 37);
  EXPECT_EQ(kv->groups[0].window, 512);
  EXPECT_EQ(kv->groups[1].blocks, 6250 + 2);
}

TEST(KvGeometry, AWindowedGroupIsNeverLargerThanAFullOne) {
  const ExecutorOptions options{.max_rows = 512, .kv_tokens = 640, .max_sequences = 8};
  const auto kv = paged_kv(decoder_with({{.window = 600}, {.window = 4096}}), options, 4);
  ASSERT_TRUE(kv.ok());
  EXPECT_EQ(kv->groups[0].blocks, 48);
  EXPECT_EQ(kv->groups[1].blocks, 48);
}

TEST(KvGeometry, CountsTheBytesOfAllPools) {
  const graph::Decoder decoder = decoder_with({{.window = 0}, {.window = 16}});
  const auto kv =
      paged_kv(decoder, {.max_rows = 16, .kv_tokens = 160, .max_sequences = 1}, sizeof(float));
  ASSERT_TRUE(kv.ok());
  // 11 blocks and, for 32 positions, 3 blocks, of 16 tokens of 2 heads of 96 floats.
  EXPECT_EQ(pool_bytes(decoder, *kv, sizeof(float)), (11 + 3) * 16 * 2 * 96 * 4);
}

TEST(KvGeometry, RefusesWhatItCannotCount) {
  const graph::Decoder decoder = decoder_with({{.window = 0}});
  const auto code = [&](const ExecutorOptions& options) {
    return paged_kv(decoder, options, 2).status().code();
  };
  EXPECT_EQ(code({.max_rows = 0}), StatusCode::invalid_argument);
  EXPECT_EQ(code({.threads = -1}), StatusCode::invalid_argument);
  EXPECT_EQ(code({.kv_tokens = 0}), StatusCode::invalid_argument);
  EXPECT_EQ(code({.max_sequences = -1}), StatusCode::invalid_argument);
  EXPECT_EQ(code({.kv_tokens = std::numeric_limits<int64_t>::max()}), StatusCode::invalid_argument);
  EXPECT_EQ(code({.kv_tokens = int64_t{1} << 39}), StatusCode::resource_exhausted);
}

TEST(KvGeometry, RefusesAPoolWhoseBytesWrap) {
  graph::Decoder decoder = decoder_with({{.window = 0}});
  decoder.kv_layers[0].kv_heads = int64_t{1} << 20;
  decoder.kv_layers[0].head_dim = int64_t{1} << 20;
  EXPECT_EQ(paged_kv(decoder, {.kv_tokens = int64_t{1} << 30}, 2).status().code(),
            StatusCode::resource_exhausted);
}

}  // namespace
}  // namespace ix::backend
