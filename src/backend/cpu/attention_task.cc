#include "backend/cpu/attention_task.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "backend/step_validation.h"

namespace ix::backend::cpu {

static_assert(kAttentionChunk % kBlockTokens == 0);

AttentionTask::AttentionTask(const AttentionStage& stage, const VectorKernels& kernels,
                             const KvCache& cache, const StepRows& rows, const RowTile& tile,
                             int64_t kv_head, AttentionScratch& scratch)
    : stage_(stage),
      kernels_(kernels),
      cache_(cache),
      sequence_(rows.sequences[static_cast<size_t>(tile.sequence)]),
      tile_(tile),
      kv_head_(kv_head),
      group_(stage.group_heads()),
      queries_(static_cast<int32_t>(tile.rows * group_)),
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
  const int64_t row = tile_.first_row + query / group_;
  const int64_t head = kv_head_ * group_ + query % group_;
  return stage_.out + row * stage_.out_stride + head * stage_.value_head_dim;
}

AttentionTask::Visible AttentionTask::visible(int32_t query, Position start) const {
  const Position row = position(static_cast<int32_t>(query / group_));
  return {.first = std::max(first_visible(row, stage_.window) - start, 0),
          .end = std::min(row - start + 1, kAttentionChunk)};
}

void AttentionTask::gather_queries() {
  float* out = scratch_.queries.data();
  for (int32_t r = 0; r < tile_.rows; ++r) {
    const float* q =
        stage_.q + (tile_.first_row + r) * stage_.q_stride + kv_head_ * group_ * stage_.head_dim;
    for (int64_t h = 0; h < group_; ++h, q += stage_.head_dim, out += stage_.head_dim) {
      kernels_.attention.prepare_query(q, stage_.head_dim, out);
    }
  }
}

void AttentionTask::find_blocks(Position start, int32_t first_block, int32_t end_block) {
  const auto table = sequence_.block_tables[static_cast<size_t>(stage_.kv_group)];
  for (int32_t b = first_block; b < end_block; ++b) {
    const BlockId block = table[static_cast<size_t>(start / kBlockTokens) + static_cast<size_t>(b)];
    keys_[static_cast<size_t>(b)] = cache_.keys(stage_.kv_layer, block, kv_head_);
    values_[static_cast<size_t>(b)] = cache_.values(stage_.kv_layer, block, kv_head_);
  }
}

void AttentionTask::compute_chunk(int64_t chunk, const ChunkResult& result) {
  const Position start = chunk_start(chunk);
  const Position first = std::max(first_visible(position(0), stage_.window), start);
  const Position last = std::min(position(tile_.rows - 1), start + kAttentionChunk - 1);
  const int32_t first_block = (first - start) / kBlockTokens;
  const int32_t end_block = (last - start) / kBlockTokens + 1;
  find_blocks(start, first_block, end_block);
  kernels_.attention.scores(scratch_.queries.data(), stage_.head_dim, queries_,
                            keys_.data() + first_block, end_block - first_block, stage_.head_dim,
                            stage_.scale, scratch_.scores.data() + first_block * kBlockTokens,
                            kAttentionChunk);
  for (int32_t q = 0; q < queries_; ++q) {
    const Visible seen = visible(q, start);
    scratch_.first[static_cast<size_t>(q)] = seen.first;
    scratch_.end[static_cast<size_t>(q)] = seen.end;
    weigh(q, result);
  }
  std::fill_n(result.values, queries_ * stage_.value_head_dim, 0.0F);
  kernels_.attention.values(scratch_.scores.data(), kAttentionChunk, queries_,
                            scratch_.first.data(), scratch_.end.data(), values_.data(),
                            stage_.value_head_dim, result.values, stage_.value_head_dim);
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
    const Position row = position(static_cast<int32_t>(q / group_));
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
