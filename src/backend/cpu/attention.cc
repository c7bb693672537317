#include "backend/cpu/attention.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "backend/step_validation.h"

namespace ix::backend::cpu {

static_assert(kAttentionChunk % kBlockTokens == 0);
constexpr int32_t kChunkBlocks = kAttentionChunk / kBlockTokens;

int32_t rows_per_tile(int64_t group_heads) {
  return static_cast<int32_t>(std::max<int64_t>(1, kTileQueries / group_heads));
}

namespace {

int64_t queries_of(int64_t group_heads) { return rows_per_tile(group_heads) * group_heads; }

}  // namespace

AttentionScratch::AttentionScratch(int64_t group_heads, int64_t head_dim, int64_t value_head_dim) {
  const auto queries = static_cast<size_t>(std::max<int64_t>(kTileQueries, group_heads));
  queries_.resize(queries * static_cast<size_t>(head_dim));
  scores_.resize(queries * kAttentionChunk);
  chunk_.resize(queries * static_cast<size_t>(value_head_dim));
  maximum_.resize(queries);
  sum_.resize(queries);
  chunk_maximum_.resize(queries);
  chunk_sum_.resize(queries);
  first_.resize(queries);
  end_.resize(queries);
}

int64_t AttentionScratch::bytes(int64_t group_heads, int64_t head_dim, int64_t value_head_dim) {
  const int64_t queries = std::max<int64_t>(kTileQueries, queries_of(group_heads));
  return queries * (head_dim + value_head_dim + kAttentionChunk + 6) *
         static_cast<int64_t>(sizeof(float));
}

// The rows of one tile against one KV head.
class AttentionTask {
 public:
  AttentionTask(const AttentionStage& stage, const VectorKernels& kernels, const KvCache& cache,
                const StepRows& rows, const RowTile& tile, int64_t kv_head,
                AttentionScratch& scratch)
      : stage_(stage),
        kernels_(kernels),
        cache_(cache),
        sequence_(rows.sequences[static_cast<size_t>(tile.sequence)]),
        tile_(tile),
        kv_head_(kv_head),
        group_(stage.group_heads()),
        queries_(static_cast<int32_t>(tile.rows * group_)),
        scratch_(scratch) {}

  void run() {
    gather_queries();
    const Position first = first_visible(position(0), stage_.window);
    const Position last = position(tile_.rows - 1);
    for (Position chunk = first / kAttentionChunk * kAttentionChunk; chunk <= last;
         chunk += kAttentionChunk) {
      run_chunk(chunk, std::max(first, chunk), std::min(last, chunk + kAttentionChunk - 1));
    }
    for (int32_t q = 0; q < queries_; ++q) {
      kernels_.scale(out(q), 1.0F / scratch_.sum_[static_cast<size_t>(q)], stage_.value_head_dim,
                     out(q));
    }
  }

 private:
  Position position(int32_t row_of_tile) const {
    return sequence_.start + (tile_.first_row - sequence_.first_row) + row_of_tile;
  }

  // Queries are ordered by row, then head: neighbours see nearly the same positions.
  float* out(int32_t query) const {
    const int64_t row = tile_.first_row + query / group_;
    const int64_t head = kv_head_ * group_ + query % group_;
    return stage_.out + row * stage_.out_stride + head * stage_.value_head_dim;
  }

  void gather_queries() {
    const int64_t width = group_ * stage_.head_dim;
    for (int32_t r = 0; r < tile_.rows; ++r) {
      std::memcpy(scratch_.queries_.data() + r * width,
                  stage_.q + (tile_.first_row + r) * stage_.q_stride + kv_head_ * width,
                  static_cast<size_t>(width) * sizeof(float));
    }
  }

  // Positions [first, last] of the chunk that starts at `start` are seen by some row of the tile.
  void run_chunk(Position start, Position first, Position last) {
    const int32_t first_block = (first - start) / kBlockTokens;
    const int32_t end_block = (last - start) / kBlockTokens + 1;
    const auto table = sequence_.block_tables[static_cast<size_t>(stage_.kv_group)];
    for (int32_t b = first_block; b < end_block; ++b) {
      const BlockId block = table[static_cast<size_t>(start / kBlockTokens + b)];
      keys_[static_cast<size_t>(b)] = cache_.keys(stage_.kv_layer, block, kv_head_);
      values_[static_cast<size_t>(b)] = cache_.values(stage_.kv_layer, block, kv_head_);
    }
    kernels_.attention_scores(scratch_.queries_.data(), stage_.head_dim, queries_,
                              keys_.data() + first_block, end_block - first_block, stage_.head_dim,
                              stage_.scale, scores(0) + first_block * kBlockTokens,
                              kAttentionChunk);
    std::fill_n(scratch_.chunk_.begin(), queries_ * stage_.value_head_dim, 0.0F);
    for (int32_t q = 0; q < queries_; ++q) set_visible(q, start);
    for (int32_t q = 0; q < queries_; ++q) weigh(q);
    kernels_.attention_values(scores(0), kAttentionChunk, queries_, scratch_.first_.data(),
                              scratch_.end_.data(), values_.data(), stage_.value_head_dim, chunk(0),
                              stage_.value_head_dim);
    for (int32_t q = 0; q < queries_; ++q) merge(q, start);
  }

  void set_visible(int32_t query, Position start) {
    const Position row = position(static_cast<int32_t>(query / group_));
    const auto q = static_cast<size_t>(query);
    scratch_.first_[q] = std::max(first_visible(row, stage_.window) - start, 0);
    scratch_.end_[q] = std::min(row - start + 1, kAttentionChunk);
  }

  // Scores to weights, their maximum and the sum of weights.
  void weigh(int32_t query) {
    const auto q = static_cast<size_t>(query);
    const int32_t first = scratch_.first_[q];
    const int32_t end = scratch_.end_[q];
    if (first >= end) return;
    float* s = scores(query);
    if (stage_.soft_cap > 0.0F) {
      kernels_.soft_cap(s + first, stage_.soft_cap, end - first, s + first);
    }
    scratch_.chunk_sum_[q] = kernels_.attention_softmax(s, first, end, &scratch_.chunk_maximum_[q]);
  }

  void merge(int32_t query, Position start) {
    const auto q = static_cast<size_t>(query);
    const float maximum = scratch_.chunk_maximum_[q];
    const float sum = scratch_.chunk_sum_[q];
    if (scratch_.first_[q] >= scratch_.end_[q]) return;
    const Position first =
        first_visible(position(static_cast<int32_t>(query / group_)), stage_.window);
    if (first >= start) {  // the query's first chunk
      std::memcpy(out(query), chunk(query),
                  static_cast<size_t>(stage_.value_head_dim) * sizeof(float));
      scratch_.maximum_[q] = maximum;
      scratch_.sum_[q] = sum;
      return;
    }
    const float merged = std::max(scratch_.maximum_[q], maximum);
    const float a = std::exp(scratch_.maximum_[q] - merged);
    const float b = std::exp(maximum - merged);
    kernels_.blend(out(query), a, chunk(query), b, stage_.value_head_dim);
    scratch_.maximum_[q] = merged;
    scratch_.sum_[q] = scratch_.sum_[q] * a + sum * b;
  }

  float* scores(int32_t query) { return scratch_.scores_.data() + query * kAttentionChunk; }
  float* chunk(int32_t query) { return scratch_.chunk_.data() + query * stage_.value_head_dim; }

  const AttentionStage& stage_;
  const VectorKernels& kernels_;
  const KvCache& cache_;
  const SequenceRows& sequence_;
  const RowTile& tile_;
  const int64_t kv_head_;
  const int64_t group_;
  const int32_t queries_;
  AttentionScratch& scratch_;
  std::array<const uint16_t*, kChunkBlocks> keys_;
  std::array<const uint16_t*, kChunkBlocks> values_;
};

void cut_tiles(StepRows& rows, int32_t rows_per_tile) {
  rows.tiles.clear();
  for (size_t s = 0; s < rows.sequences.size(); ++s) {
    const SequenceRows& sequence = rows.sequences[s];
    for (int32_t r = 0; r < sequence.rows; r += rows_per_tile) {
      rows.tiles.push_back({.sequence = static_cast<int32_t>(s),
                            .first_row = sequence.first_row + r,
                            .rows = std::min(rows_per_tile, sequence.rows - r)});
    }
  }
}

void run_attention(const AttentionStage& stage, const VectorKernels& kernels, const KvCache& cache,
                   const StepRows& rows, ThreadPool& pool, std::vector<AttentionScratch>& scratch) {
  const auto tiles = static_cast<int64_t>(rows.tiles.size());
  // The last tiles of a prompt see the most positions: they go first, so that threads end together.
  pool.run(tiles * stage.kv_heads, [&](int64_t task, int thread) {
    const RowTile& tile = rows.tiles[static_cast<size_t>(tiles - 1 - task / stage.kv_heads)];
    AttentionTask(stage, kernels, cache, rows, tile, task % stage.kv_heads,
                  scratch[static_cast<size_t>(thread)])
        .run();
  });
}

}  // namespace ix::backend::cpu
