// Which KV blocks a sequence needs, and the tables that say where its positions are.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/executor.h"
#include "base/result.h"
#include "engine/kv_pool.h"

namespace ix::engine {

// The pools of all groups, and what a sequence may ask of them.
class KvPools {
 public:
  // invalid_argument when a sequence of context_length cannot run. max_rows: rows a step;
  // max_sequences: sequences that share the pools of windowed groups evenly.
  static Result<KvPools> create(const backend::KvInfo& info, int64_t context_length,
                                int32_t max_rows, int32_t max_sequences);

  // Most rows of one sequence in a step. Less than the rows of a step where a windowed pool is
  // small: the blocks of a chunk are needed beside those of the window before it.
  int32_t max_chunk() const { return max_chunk_; }

  // Blocks of a group that a sequence of `tokens` tokens holds at most.
  int32_t blocks_needed(size_t group, int64_t tokens) const;

  bool try_commit(int64_t tokens);  // in every group, or in none
  void uncommit(int64_t tokens);

  size_t groups() const { return pools_.size(); }
  KvPool& pool(size_t group) { return pools_[group]; }
  int64_t window(size_t group) const { return windows_[group]; }
  int64_t tokens_per_block() const { return tokens_per_block_; }

 private:
  KvPools() = default;

  std::vector<KvPool> pools_;     // [groups]
  std::vector<int64_t> windows_;  // [groups]
  int64_t tokens_per_block_ = 1;
  int32_t max_chunk_ = 1;
};

// The block tables of one sequence. Gives its blocks back when destroyed.
class BlockTables {
 public:
  explicit BlockTables(KvPools& pools);
  ~BlockTables();
  BlockTables(const BlockTables&) = delete;
  BlockTables& operator=(const BlockTables&) = delete;

  // Takes the memory for tables of `tokens` positions.
  void reserve(int64_t tokens);

  // Before rows at positions [start, start + rows) run: frees the blocks that no row from start on
  // can see, and takes blocks up to the last row's. The caller has committed them.
  void prepare(Position start, int32_t rows);

  // One table a group, as SequenceRows wants them; valid until the next prepare().
  std::span<const std::span<const backend::BlockId>> spans() const { return spans_; }

 private:
  KvPools& pools_;
  std::vector<std::vector<backend::BlockId>> tables_;  // [groups][blocks of positions]
  std::vector<size_t> first_kept_;                     // [groups]: entries before are kNoBlock
  std::vector<std::span<const backend::BlockId>> spans_;
};

}  // namespace ix::engine
