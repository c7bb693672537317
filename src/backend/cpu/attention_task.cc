#include "backend/cpu/attention_task.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <span>

#include "backend/step_validation.h"

namespace ix::backend::cpu {

static_assert(kAttentionChunk % kBlockTokens == 0);

AttentionTask::AttentionTask(const AttentionStage& stage, const VectorKernels& kernels,
                             const KvCache& cache, const StepRows& rows, const RowTile& tile,
                             HeadRange kv_heads, AttentionScratch& scratch)
    : stage_(stage),
      kernels_(kernels),
      cache_(cache),
      sequence_(rows.sequences[static_cast<size_t>(tile.sequence)]),
      tile_(tile),
      kv_heads_(kv_heads),
      group_(static_cast<int32_t>(stage.group_heads())),
      queries_of_head_(tile.rows * group_),
      queries_(static_cast<int32_t>(kv_heads.count) * queries_of_head_),
      scratch_(scratch) {}

Position AttentionTask::position(int32_t row_of_tile) const {
  return sequence_.start + (tile_.first_row - sequence_.first_row) + row_of_tile;
}

Position AttentionTask::chunk_start(int64_t chunk) const {
  const Position first = first_visible(position(0), stage_.window);
  return (first / kAttentionChunk + static_cast<Position>(chunk)) * kAttentionChunk;
}

int64_t AttentionTask::chunk_count() const {
  return (position(tile_.rows - 1) - chunk_start(0)) / kAttentionChunk + 1;
}

float* AttentionTask::out(int32_t query) const {
  const int64_t row = tile_.first_row + row_of(query);
  const int64_t kv_head = kv_heads_.first + query / queries_of_head_;
  const int64_t head = kv_head * group_ + query % group_;
  return stage_.out + row * stage_.out_stride + head * stage_.value_head_dim;
}

AttentionTask::Visible AttentionTask::visible(int32_t query, Position start) const {
  const Position row = position(row_of(query));
  return {.first = std::max(first_visible(row, stage_.window) - start, 0),
          .end = std::min(row - start + 1, kAttentionChunk)};
}

void AttentionTask::gather_queries() {
  float* out = scratch_.queries.data();
  for (int64_t k = 0; k < kv_heads_.count; ++k) {
    for (int32_t r = 0; r < tile_.rows; ++r) {
      const float* q = stage_.q + (tile_.first_row + r) * stage_.q_stride +
                       (kv_heads_.first + k) * group_ * stage_.head_dim;
      for (int32_t h = 0; h < group_; ++h, q += stage_.head_dim, out += stage_.head_dim) {
        kernels_.attention.prepare_query(q, stage_.head_dim, out);
      }
    }
  }
}

BlockId AttentionTask::block(Position start, int32_t b) const {
  const auto table = sequence_.block_tables[static_cast<size_t>(stage_.kv_group)];
  return table[static_cast<size_t>(start / kBlockTokens) + static_cast<size_t>(b)];
}

// Block by block, so that the keys of neighbouring heads are read in one run.
void AttentionTask::score(Position start, int32_t first_block, int32_t end_block) {
  const auto score_blocks = [&](int64_t k, std::span<const uint16_t* const> keys, int32_t b) {
    const int64_t query = k * queries_of_head_;
    kernels_.attention.scores(
        scratch_.queries.data() + query * stage_.head_dim, stage_.head_dim, queries_of_head_,
        keys.data(), static_cast<int>(keys.size()), stage_.head_dim, stage_.scale,
        scratch_.scores.data() + query * kAttentionChunk + b * kBlockTokens, kAttentionChunk);
  };
  std::array<const uint16_t*, kChunkBlocks> keys;
  if (kv_heads_.count == 1) {
    for (int32_t b = first_block; b < end_block; ++b) {
      keys[static_cast<size_t>(b)] = cache_.keys(stage_.kv_layer, block(start, b), kv_heads_.first);
    }
    score_blocks(0, std::span(keys).subspan(first_block, end_block - first_block), first_block);
    return;
  }
  for (int32_t b = first_block; b < end_block; ++b) {
    for (int64_t k = 0; k < kv_heads_.count; ++k) {
      keys[0] = cache_.keys(stage_.kv_layer, block(start, b), kv_heads_.first + k);
      score_blocks(k, std::span(keys).first(1), b);
    }
  }
}

// Several heads block by block too, each with what its queries see of that block.
void AttentionTask::add_values(Position start, int32_t first_block, int32_t end_block,
                               const ChunkResult& result) {
  const int64_t width = stage_.value_head_dim;
  std::fill_n(result.values, queries_ * width, 0.0F);
  std::array<const uint16_t*, kChunkBlocks> values;
  const auto add = [&](int64_t k, const int32_t* first, const int32_t* end) {
    const int64_t query = k * queries_of_head_;
    kernels_.attention.values(scratch_.scores.data() + query * kAttentionChunk, kAttentionChunk,
                              queries_of_head_, first + query, end + query, values.data(), width,
                              result.values + query * width, width);
  };
  if (kv_heads_.count == 1) {
    for (int32_t b = first_block; b < end_block; ++b) {
      values[static_cast<size_t>(b)] =
          cache_.values(stage_.kv_layer, block(start, b), kv_heads_.first);
    }
    add(0, scratch_.first.data(), scratch_.end.data());
    return;
  }
  for (int32_t b = first_block; b < end_block; ++b) {
    for (size_t q = 0; q < static_cast<size_t>(queries_); ++q) {
      scratch_.block_first[q] = std::max(scratch_.first[q], b * kBlockTokens);
      scratch_.block_end[q] = std::min(scratch_.end[q], (b + 1) * kBlockTokens);
    }
    for (int64_t k = 0; k < kv_heads_.count; ++k) {
      values[static_cast<size_t>(b)] =
          cache_.values(stage_.kv_layer, block(start, b), kv_heads_.first + k);
      add(k, scratch_.block_first.data(), scratch_.block_end.data());
    }
  }
}

void AttentionTask::compute_chunk(int64_t chunk, const ChunkResult& result) {
  const Position start = chunk_start(chunk);
  const Position first = std::max(first_visible(position(0), stage_.window), start);
  const Position last = std::min(position(tile_.rows - 1), start + kAttentionChunk - 1);
  const int32_t first_block = (first - start) / kBlockTokens;
  const int32_t end_block = (last - start) / kBlockTokens + 1;
  score(start, first_block, end_block);
  for (int32_t q = 0; q < queries_; ++q) {
    const Visible seen = visible(q, start);
    scratch_.first[static_cast<size_t>(q)] = seen.first;
    scratch_.end[static_cast<size_t>(q)] = seen.end;
    weigh(q, result);
  }
  add_values(start, first_block, end_block, result);
}

// Scores to weights.
void AttentionTask::weigh(int32_t query, const ChunkResult& result) {
  const int32_t first = scratch_.first[static_cast<size_t>(query)];
  const int32_t end = scratch_.end[static_cast<size_t>(query)];
  if (first >= end) return;
  float* scores = scratch_.scores.data() + query * kAttentionChunk;
  if (stage_.soft_cap > 0.0F) {
    kernels_.soft_cap(scores + first, stage_.soft_cap, end - first, scores + first);
  }
  result.sum[query] = kernels_.attention.softmax(scores, first, end, &result.maximum[query]);
  kernels_.attention.prepare_weights(scores, first, end);
}

void AttentionTask::merge_chunk(int64_t chunk, const ChunkResult& result) {
  const Position start = chunk_start(chunk);
  const int64_t width = stage_.value_head_dim;
  for (int32_t q = 0; q < queries_; ++q) {
    const Visible seen = visible(q, start);
    if (seen.first >= seen.end) continue;
    float& maximum = scratch_.maximum[static_cast<size_t>(q)];
    float& sum = scratch_.sum[static_cast<size_t>(q)];
    const float* values = result.values + q * width;
    const Position row = position(row_of(q));
    if (first_visible(row, stage_.window) >= start) {  // the query's first chunk
      std::memcpy(out(q), values, static_cast<size_t>(width) * sizeof(float));
      maximum = result.maximum[q];
      sum = result.sum[q];
      continue;
    }
    const float merged = std::max(maximum, result.maximum[q]);
    const float a = std::exp(maximum - merged);
    const float b = std::exp(result.maximum[q] - merged);
    kernels_.blend(out(q), a, values, b, width);
    maximum = merged;
    sum = sum * a + result.sum[q] * b;
  }
}

void AttentionTask::finish() {
  for (int32_t q = 0; q < queries_; ++q) {
    kernels_.scale(out(q), 1.0F / scratch_.sum[static_cast<size_t>(q)], stage_.value_head_dim,
                   out(q));
  }
}

}  // namespace ix::backend::cpu
