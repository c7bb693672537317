// Causal attention over the blocks of a paged cache.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/reference/kv_cache.h"
#include "base/thread_pool.h"

namespace ix::backend::reference {

// What a row of the step needs of its sequence in one KV group.
struct RowPlace {
  Position position;
  std::span<const BlockId> table;
};

// Buffers of one thread: scores [positions], weighted values of a block and of all
// [value_head_dim].
struct AttentionScratch {
  std::vector<float> scores;
  std::vector<float> block_sum;
  std::vector<double> sum;
};

// Writes k and v of every row into the cache, then attends. q, k, v and out as in
// graph::Attention; rows [places.size()]. Scores of a thread's scratch hold the longest row.
void run_attention(const graph::Attention& op, KvLayerCache& cache, int64_t tokens_per_block,
                   std::span<const RowPlace> places, const float* q, const float* k, const float* v,
                   float* out, ThreadPool& pool, std::vector<AttentionScratch>& scratch);

}  // namespace ix::backend::reference
