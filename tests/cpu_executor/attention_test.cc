// run_attention() over caches of several chunks: against sums in double, and the same bits however
// the work is shared out.
#include "backend/cpu/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "backend/attention_rounding.h"
#include "backend/cpu/kernels/vector_dispatch.h"

namespace ix::backend::cpu {
namespace {

struct Shape {
  int64_t heads;
  int64_t kv_heads;
  int64_t head_dim;
  int64_t value_head_dim;
  int64_t window;
  int32_t rows;                  // of each sequence
  std::vector<int32_t> lengths;  // positions of each sequence, those of its rows included
};

// The last rows of some sequences, whose blocks lie in any order.
class Problem {
 public:
  Problem(const Shape& shape, Isa isa)
      : shape_(shape),
        kernels_(vector_kernels(isa)),
        out_width_(shape.heads * shape.value_head_dim) {
    int32_t blocks = 0;
    for (const int32_t length : shape.lengths) blocks += (length + kBlockTokens - 1) / kBlockTokens;
    graph::Decoder decoder;
    decoder.kv_groups.push_back({.window = shape.window});
    decoder.kv_layers.push_back({shape.kv_heads, shape.head_dim, shape.value_head_dim, 0});
    auto cache = KvCache::create(decoder, {.tokens_per_block = kBlockTokens,
                                           .groups = {{.window = shape.window, .blocks = blocks}},
                                           .can_share = true,
                                           .can_copy = true,
                                           .bytes_per_token = 0});
    IX_CHECK(cache.ok());
    cache_ = std::move(cache).value();
    std::vector<BlockId> ids(static_cast<size_t>(blocks));
    for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<BlockId>(i);
    std::shuffle(ids.begin(), ids.end(), random_);
    size_t taken = 0;
    for (const int32_t length : shape.lengths) {
      const auto count = static_cast<size_t>((length + kBlockTokens - 1) / kBlockTokens);
      blocks_.emplace_back(ids.begin() + static_cast<int64_t>(taken),
                           ids.begin() + static_cast<int64_t>(taken + count));
      taken += count;
    }
    for (size_t s = 0; s < blocks_.size(); ++s) fill(s);
    const size_t rows = shape.lengths.size() * static_cast<size_t>(shape.rows);
    queries_ = floats(rows * static_cast<size_t>(shape.heads * shape.head_dim));
    for (const auto& blocks_of_one : blocks_) tables_.push_back({blocks_of_one});
    for (size_t s = 0; s < tables_.size(); ++s) {
      sequences_.push_back({.first_row = static_cast<int32_t>(s) * shape.rows,
                            .rows = shape.rows,
                            .start = shape.lengths[s] - shape.rows,
                            .block_tables = tables_[s]});
      rows_.sequence_of.insert(rows_.sequence_of.end(), static_cast<size_t>(shape.rows),
                               static_cast<int32_t>(s));
    }
    rows_.tokens = tokens_ = std::vector<TokenId>(rows);
    rows_.sequences = sequences_;
    rows_.tiles.reserve(rows);
    cut_tiles(rows_, rows_per_tile(shape.heads / shape.kv_heads));
  }

  // As many as an executor for these sequences has.
  int64_t store_floats() const {
    int64_t positions = 0;
    for (const int32_t length : shape_.lengths) positions += length;
    return ChunkStore::floats_for(shape_.heads, shape_.value_head_dim, positions,
                                  static_cast<int64_t>(shape_.lengths.size()));
  }

  // store_floats: room for the results of single chunks.
  std::vector<float> run(int threads, int64_t store_floats) {
    std::vector<float> out(tokens_.size() * static_cast<size_t>(out_width_), NAN);
    const AttentionStage stage{.heads = shape_.heads,
                               .kv_heads = shape_.kv_heads,
                               .head_dim = shape_.head_dim,
                               .value_head_dim = shape_.value_head_dim,
                               .scale = scale(),
                               .soft_cap = 0,
                               .window = shape_.window,
                               .kv_layer = 0,
                               .kv_group = 0,
                               .q = queries_.data(),
                               .q_stride = shape_.heads * shape_.head_dim,
                               .out = out.data(),
                               .out_stride = out_width_};
    ThreadPool pool(threads);
    std::vector<AttentionScratch> scratch;
    for (int t = 0; t < threads; ++t) {
      scratch.emplace_back(stage.group_heads(), stage.head_dim, stage.value_head_dim);
    }
    std::vector<float> store(static_cast<size_t>(store_floats), NAN);
    run_attention(stage, kernels_, cache_, rows_, pool, scratch,
                  {.data = store.data(), .floats = store_floats});
    return out;
  }

  std::vector<double> expected() const {
    std::vector<double> out;
    for (size_t s = 0; s < sequences_.size(); ++s) {
      for (int32_t r = 0; r < shape_.rows; ++r) {
        for (int64_t h = 0; h < shape_.heads; ++h) add_expected(s, r, h, out);
      }
    }
    return out;
  }

 private:
  float scale() const { return 1.0F / std::sqrt(static_cast<float>(shape_.head_dim)); }

  std::vector<float> floats(size_t count) {
    std::normal_distribution<float> value;
    std::vector<float> out(count);
    for (float& x : out) x = value(random_);
    return out;
  }

  void fill(size_t s) {
    const int64_t key_width = shape_.kv_heads * shape_.head_dim;
    const int64_t value_width = shape_.kv_heads * shape_.value_head_dim;
    const int32_t length = shape_.lengths[s];
    keys_.push_back(floats(static_cast<size_t>(length * key_width)));
    values_.push_back(floats(static_cast<size_t>(length * value_width)));
    for (int32_t t = 0; t < length; ++t) {
      cache_.store(kernels_.attention, 0, blocks_[s][static_cast<size_t>(t / kBlockTokens)],
                   t % kBlockTokens, keys_.back().data() + t * key_width,
                   values_.back().data() + t * value_width);
    }
  }

  void add_expected(size_t s, int32_t row, int64_t head, std::vector<double>& out) const {
    const int32_t end = sequences_[s].start + row + 1;
    const auto window = static_cast<int32_t>(shape_.window);
    const int64_t kv_head = head / (shape_.heads / shape_.kv_heads);
    const float* q =
        queries_.data() + ((sequences_[s].first_row + row) * shape_.heads + head) * shape_.head_dim;
    std::vector<double> sum(static_cast<size_t>(shape_.value_head_dim));
    double total = 0;
    for (int32_t t = window > 0 ? std::max(0, end - window) : 0; t < end; ++t) {
      const int64_t at = t * shape_.kv_heads + kv_head;
      const float* key = keys_[s].data() + at * shape_.head_dim;
      const float* value = values_[s].data() + at * shape_.value_head_dim;
      double score = 0;
      for (int64_t i = 0; i < shape_.head_dim; ++i) score += double{q[i]} * key[i];
      const double weight = std::exp(score * scale());
      total += weight;
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += weight * value[i];
    }
    for (const double x : sum) out.push_back(x / total);
  }

  const Shape shape_;
  const VectorKernels& kernels_;
  const int64_t out_width_;
  std::mt19937 random_{7};
  KvCache cache_;
  std::vector<std::vector<BlockId>> blocks_;
  std::vector<std::vector<std::span<const BlockId>>> tables_;
  std::vector<std::vector<float>> keys_;  // of each sequence [position][kv head][head_dim]
  std::vector<std::vector<float>> values_;
  std::vector<float> queries_;  // [rows, heads, head_dim]
  std::vector<SequenceRows> sequences_;
  std::vector<TokenId> tokens_;
  StepRows rows_;
};

class Attention : public ::testing::TestWithParam<Isa> {};

TEST_P(Attention, IsTheSameBitsHoweverItIsSharedOut) {
  // Rows of three straddle the ends of chunks and windows that begin in the middle of one.
  const Shape shapes[] = {
      {8, 8, 32, 32, 0, 1, {2500}},       {8, 8, 32, 32, 0, 1, {1300, 3, 900, 257}},
      {16, 4, 48, 32, 0, 1, {2100, 700}}, {12, 6, 40, 40, 1777, 1, {2600}},
      {4, 1, 128, 64, 0, 1, {1111}},      {8, 8, 32, 48, 0, 3, {2306, 258, 1025, 3}},
      {6, 6, 32, 32, 767, 3, {1793}},     {8, 4, 16, 16, 0, 5, {1540, 2052}},
  };
  for (const Shape& shape : shapes) {
    Problem problem(shape, GetParam());
    const std::vector<float> alone = problem.run(1, 0);
    for (const int threads : {2, 3, 4}) {
      EXPECT_EQ(problem.run(threads, 0), alone);  // no room to split the chunks
      EXPECT_EQ(problem.run(threads, problem.store_floats()), alone);
    }
    const std::vector<double> expected = problem.expected();
    double difference = 0;
    double size = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      difference += std::pow(static_cast<double>(alone[i]) - expected[i], 2);
      size += std::pow(expected[i], 2);
    }
    EXPECT_LE(std::sqrt(difference / size), 1e-3 * testing::attention_rounding(GetParam()));
  }
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, Attention,
                         ::testing::ValuesIn(available_isas().begin(), available_isas().end()),
                         [](const auto& isa) { return std::string(to_string(isa.param)); });

}  // namespace
}  // namespace ix::backend::cpu
