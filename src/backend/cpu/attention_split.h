// How the attention of a step is shared out among tasks.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/cpu/attention.h"
#include "backend/cpu/attention_task.h"

namespace ix::backend::cpu {

// KV heads that a task takes, a divisor of them all, where tasks take all chunks of a tile.
int64_t heads_per_task(const AttentionStage& stage, const VectorKernels& kernels,
                       const StepRows& rows, int threads);

// The chunks of all tiles, in the order in which they lie in memory, then their merging. The store
// holds the results of a tile's chunks one after the other, each of all heads.
class SplitAttention {
 public:
  // Nothing is copied.
  SplitAttention(const AttentionStage& stage, const VectorKernels& kernels, const KvCache& cache,
                 const StepRows& rows, int threads, std::vector<AttentionScratch>& scratch,
                 const ChunkStore& store);

  // Splitting pays, as there are few tasks otherwise or as tasks read longer runs, and the results
  // of all chunks have room.
  bool fits() const;

  void run(ThreadPool& pool) const;

 private:
  // Task `index` of a tile whose results begin at data.
  struct Place {
    const RowTile& tile;
    float* data;
    int64_t chunks;
    int64_t index;
  };

  AttentionTask task(const RowTile& tile, HeadRange heads, int thread) const;
  int64_t chunks_of(const RowTile& tile) const;
  int64_t queries_of_head(const RowTile& tile) const { return tile.rows * stage_.group_heads(); }
  int64_t result_floats(const RowTile& tile) const;  // of one chunk
  // A chunk's results, which begin at data, from a head on.
  ChunkResult result_at(const RowTile& tile, float* data, int64_t head) const;
  // Task `index` of all tiles', each of which has per_chunk for each of its chunks and per_tile.
  Place find(int64_t index, int64_t per_chunk, int64_t per_tile) const;
  void compute(int64_t index, int thread) const;
  void merge(int64_t index, int thread) const;

  const AttentionStage& stage_;
  const VectorKernels& kernels_;
  const KvCache& cache_;
  const StepRows& rows_;
  const int threads_;
  std::vector<AttentionScratch>& scratch_;
  const ChunkStore& store_;
  int64_t chunks_ = 0;  // of all tiles
  int64_t floats_ = 0;  // of their results
  int64_t heads_ = 1;   // of a task
};

}  // namespace ix::backend::cpu
