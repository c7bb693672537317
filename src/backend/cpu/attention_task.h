// The rows of one tile against some neighbouring KV heads, chunk by chunk.
#pragma once

#include <cstdint>

#include "backend/cpu/attention.h"

namespace ix::backend::cpu {

// Neighbouring KV heads that a task takes together.
struct HeadRange {
  int64_t first;
  int64_t count;
};

inline constexpr int32_t kChunkBlocks = kAttentionChunk / kBlockTokens;

// gather_queries(), then compute_chunk() for any chunks (0 = the first that a row of the tile
// sees); merge_chunk() for all in ascending order; finish(). Computing and merging may be done by
// different tasks of the same tile, whose heads may be grouped differently.
class AttentionTask {
 public:
  AttentionTask(const AttentionStage& stage, const VectorKernels& kernels, const KvCache& cache,
                const StepRows& rows, const RowTile& tile, HeadRange kv_heads,
                AttentionScratch& scratch);

  int64_t chunk_count() const;
  void gather_queries();
  void compute_chunk(int64_t chunk, const ChunkResult& result);
  void merge_chunk(int64_t chunk, const ChunkResult& result);
  void finish();

 private:
  // Visible positions of a query in a chunk, from the chunk's start; none when first >= end.
  struct Visible {
    int32_t first;
    int32_t end;
  };

  Position position(int32_t row_of_tile) const;
  int32_t row_of(int32_t query) const { return query % queries_of_head_ / group_; }
  Position chunk_start(int64_t chunk) const;
  Visible visible(int32_t query, Position start) const;
  BlockId block(Position start, int32_t b) const;  // b: of the chunk that begins at start
  void score(Position start, int32_t first_block, int32_t end_block);
  void add_values(Position start, int32_t first_block, int32_t end_block,
                  const ChunkResult& result);
  void weigh(int32_t query, const ChunkResult& result);
  float* out(int32_t query) const;

  const AttentionStage& stage_;
  const VectorKernels& kernels_;
  const KvCache& cache_;
  const SequenceRows& sequence_;
  const RowTile& tile_;
  const HeadRange kv_heads_;
  const int32_t group_;  // query heads of a KV head
  // Ordered by KV head, then row, then head: neighbours see nearly the same positions.
  const int32_t queries_of_head_;
  const int32_t queries_;
  AttentionScratch& scratch_;
};

}  // namespace ix::backend::cpu
