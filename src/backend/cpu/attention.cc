#include "backend/cpu/attention.h"

#include <algorithm>

#include "backend/cpu/attention_split.h"
#include "backend/cpu/attention_task.h"

namespace ix::backend::cpu {

int32_t rows_per_tile(int64_t group_heads) {
  return static_cast<int32_t>(std::max<int64_t>(1, kTileQueries / group_heads));
}

int64_t most_queries(int64_t group_heads) {
  return std::max<int64_t>(kTileQueries, rows_per_tile(group_heads) * group_heads);
}

AttentionScratch::AttentionScratch(int64_t group_heads, int64_t head_dim, int64_t value_head_dim) {
  const auto count = static_cast<size_t>(most_queries(group_heads));
  queries.resize(count * static_cast<size_t>(head_dim));
  scores.resize(count * kAttentionChunk);
  chunk_values.resize(count * static_cast<size_t>(value_head_dim));
  for (std::vector<float>* v : {&chunk_maximum, &chunk_sum, &maximum, &sum}) v->resize(count);
  for (std::vector<int32_t>* v : {&first, &end, &block_first, &block_end}) v->resize(count);
}

int64_t AttentionScratch::bytes(int64_t group_heads, int64_t head_dim, int64_t value_head_dim) {
  return most_queries(group_heads) * (head_dim + value_head_dim + kAttentionChunk + 8) *
         static_cast<int64_t>(sizeof(float));
}

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
                   const StepRows& rows, ThreadPool& pool, std::vector<AttentionScratch>& scratch,
                   const ChunkStore& store) {
  const SplitAttention split(stage, kernels, cache, rows, pool.threads(), scratch, store);
  if (split.fits()) {
    split.run(pool);
    return;
  }
  const auto tiles = static_cast<int64_t>(rows.tiles.size());
  // The last tiles of a prompt see the most positions: they go first, so that threads end together.
  const int64_t heads = heads_per_task(stage, kernels, rows, pool.threads());
  const int64_t ranges = stage.kv_heads / heads;
  pool.run(tiles * ranges, [&](int64_t index, int thread) {
    const RowTile& tile = rows.tiles[static_cast<size_t>(tiles - 1 - index / ranges)];
    AttentionTask task(stage, kernels, cache, rows, tile,
                       {.first = index % ranges * heads, .count = heads},
                       scratch[static_cast<size_t>(thread)]);
    task.gather_queries();
    const ChunkResult result = scratch[static_cast<size_t>(thread)].chunk();
    for (int64_t c = 0; c < task.chunk_count(); ++c) {
      task.compute_chunk(c, result);
      task.merge_chunk(c, result);
    }
    task.finish();
  });
}

}  // namespace ix::backend::cpu
