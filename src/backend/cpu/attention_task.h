// The rows of one tile against one KV head, chunk by chunk.
#pragma once

#include <array>
#include <cstdint>

#include "backend/cpu/attention.h"

namespace ix::backend::cpu {

inline constexpr int32_t kChunkBlocks = kAttentionChunk / kBlockTokens;

// gather_queries(), then compute_chunk() for any chunks (0 = the first that a row of the tile
// sees); merge_chunk() for all in ascending order; finish(). Computing and merging may be done by
// different tasks of the same tile and head.
class AttentionTask {
 public:
  AttentionTask(const AttentionStage& stage, const VectorKernels& kernels, const KvCache& cache,
                const StepRows& rows, const RowTile& tile, int64_t kv_head,
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
  Position chunk_start(int64_t chunk) const;
  Visible visible(int32_t query, Position start) const;
  void find_blocks(Position start, int32_t first_block, int32_t end_block);
  void weigh(int32_t query, const ChunkResult& result);
  float* out(int32_t query) const;

  const AttentionStage& stage_;
  const VectorKernels& kernels_;
  const KvCache& cache_;
  const SequenceRows& sequence_;
  const RowTile& tile_;
  const int64_t kv_head_;
  const int64_t group_;    // query heads of the KV head
  const int32_t queries_;  // ordered by row, then head: neighbours see nearly the same positions
  AttentionScratch& scratch_;
  std::array<const uint16_t*, kChunkBlocks> keys_;
  std::array<const uint16_t*, kChunkBlocks> values_;
};

}  // namespace ix::backend::cpu
