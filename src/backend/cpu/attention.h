// Attention over the paged cache.
//
// A row's scores are taken in chunks of 256 positions, [0, 256), [256, 512), …, cut to what the row
// sees. Each chunk gives a maximum, a sum and a weighted sum of values; chunks are merged in
// ascending order. So a row's bits depend on its position, window and cache only, and chunks may be
// computed by different threads.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/cpu/kernels/vector_kernels.h"
#include "backend/cpu/kv_cache.h"
#include "backend/cpu/step_rows.h"
#include "base/thread_pool.h"

namespace ix::backend::cpu {

inline constexpr int32_t kAttentionChunk = kChunkTokens;  // positions
// Queries (rows x heads of a group) that one task takes: enough that a chunk's keys and values,
// read from the second-level cache, serve several.
inline constexpr int32_t kTileQueries = 32;

// graph::Attention with its buffers.
struct AttentionStage {
  int64_t heads;
  int64_t kv_heads;
  int64_t head_dim;
  int64_t value_head_dim;
  float scale;
  float soft_cap;
  int64_t window;
  int32_t kv_layer;
  int32_t kv_group;
  const float* q;  // [rows, q_stride]
  int64_t q_stride;
  float* out;  // [rows, out_stride]
  int64_t out_stride;

  int64_t group_heads() const { return heads / kv_heads; }
};

// What a chunk gives for the queries of a tile.
struct ChunkResult {
  float* values;   // [queries, value_head_dim], weighted by exp(score - maximum)
  float* maximum;  // [queries]
  float* sum;      // [queries], of the weights

  // From a query on.
  ChunkResult from(int64_t query, int64_t value_head_dim) const {
    return {values + query * value_head_dim, maximum + query, sum + query};
  }
};

// One thread's working memory, sized for the widest stage of a plan.
struct AttentionScratch {
  // group_heads, head_dim, value_head_dim: the largest of any stage.
  AttentionScratch(int64_t group_heads, int64_t head_dim, int64_t value_head_dim);
  static int64_t bytes(int64_t group_heads, int64_t head_dim, int64_t value_head_dim);

  ChunkResult chunk() { return {chunk_values.data(), chunk_maximum.data(), chunk_sum.data()}; }

  std::vector<float> queries;  // [queries, head_dim], prepared
  std::vector<float> scores;   // [queries, kAttentionChunk]
  std::vector<float> chunk_values;
  std::vector<float> chunk_maximum;
  std::vector<float> chunk_sum;
  std::vector<float> maximum;  // [queries], over the chunks merged so far
  std::vector<float> sum;
  std::vector<int32_t> first;  // [queries], visible positions of the chunk, from its start
  std::vector<int32_t> end;
  std::vector<int32_t> block_first;  // [queries], those of a block
  std::vector<int32_t> block_end;
};

// Room for the results of single chunks, where few rows with a long past are split over threads or
// into longer runs of memory.
struct ChunkStore {
  float* data = nullptr;
  int64_t floats = 0;

  // For a row of `heads` heads in each of `sequences` sequences over `positions` positions
  // together. Where sequences share positions they may need more, and are not split then.
  static int64_t floats_for(int64_t heads, int64_t value_head_dim, int64_t positions,
                            int64_t sequences);
};

// Rows of a tile for stages whose largest group has group_heads query heads.
int32_t rows_per_tile(int64_t group_heads);

// Queries that a task has room for.
int64_t most_queries(int64_t group_heads);

// Cuts the sequences of a step into tiles.
void cut_tiles(StepRows& rows, int32_t rows_per_tile);

// Computes a stage for all rows. The step's keys and values are in the cache already.
void run_attention(const AttentionStage& stage, const VectorKernels& kernels, const KvCache& cache,
                   const StepRows& rows, ThreadPool& pool, std::vector<AttentionScratch>& scratch,
                   const ChunkStore& store);

}  // namespace ix::backend::cpu
