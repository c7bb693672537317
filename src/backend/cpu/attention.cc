#include "backend/cpu/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "backend/cpu/attention_task.h"
#include "base/checked_math.h"

namespace ix::backend::cpu {
namespace {

int64_t most_queries(int64_t group_heads) {
  return std::max<int64_t>(kTileQueries, rows_per_tile(group_heads) * group_heads);
}

// Tasks for each thread below which the chunks of a tile are spread over threads.
constexpr int64_t kFewTasks = 4;
// Tasks for each thread, at least, that remain where tasks take several KV heads.
constexpr int64_t kTasksOfHeads = 2;
constexpr int64_t kTasksOfChunks = 8;

// KV heads that a task takes, a divisor of them all, of which `tasks` tasks of one head leave
// tasks_per_thread for each thread. Few queries are bound by reading keys and values, and a head's
// pieces of some KiB begin a page each: those of neighbours are one run (Zen 4, two cores, 32 heads
// of 128: 22 GB/s in eights, 25 in sixteens, 28 all together, where plain reads in order are 32).
int64_t heads_per_task(const AttentionStage& stage, const VectorKernels& kernels,
                       const StepRows& rows, int64_t tasks, int64_t tasks_per_thread, int threads) {
  if (kernels.attention.fetches_ahead) return 1;
  int64_t tile_rows = 1;
  for (const RowTile& tile : rows.tiles) tile_rows = std::max<int64_t>(tile_rows, tile.rows);
  const int64_t room = most_queries(stage.group_heads()) / (tile_rows * stage.group_heads());
  const int64_t enough = tasks / (tasks_per_thread * threads);
  int64_t heads = std::clamp<int64_t>(std::min(room, enough), 1, stage.kv_heads);
  while (stage.kv_heads % heads != 0) --heads;
  return heads;
}

int64_t chunk_floats(int64_t queries, int64_t value_head_dim) {
  return queries * (value_head_dim + 2);
}

// The chunks of all tiles, in the order in which they lie in memory, then their merging. The store
// holds the results of a tile's chunks one after the other, each of all heads.
class SplitAttention {
 public:
  SplitAttention(const AttentionStage& stage, const VectorKernels& kernels, const KvCache& cache,
                 const StepRows& rows, int threads, std::vector<AttentionScratch>& scratch,
                 const ChunkStore& store)
      : stage_(stage),
        kernels_(kernels),
        cache_(cache),
        rows_(rows),
        threads_(threads),
        scratch_(scratch),
        store_(store) {
    for (const RowTile& tile : rows_.tiles) {
      const int64_t chunks = task(tile, {.first = 0, .count = 1}, 0).chunk_count();
      chunks_ += chunks;
      floats_ += chunks * result_floats(tile);
    }
    heads_ =
        heads_per_task(stage, kernels, rows, chunks_ * stage.kv_heads, kTasksOfChunks, threads);
  }

  // Splitting pays, as there are few tasks otherwise or as tasks read longer runs, and the results
  // of all chunks have room.
  bool fits() const {
    const auto tiles = static_cast<int64_t>(rows_.tiles.size());
    if (threads_ == 1 || chunks_ == tiles || floats_ > store_.floats) return false;
    const int64_t whole = tiles * stage_.kv_heads;
    return whole < kFewTasks * threads_ ||
           heads_ > heads_per_task(stage_, kernels_, rows_, whole, kTasksOfHeads, threads_);
  }

  void run(ThreadPool& pool) const {
    pool.run(chunks_ * (stage_.kv_heads / heads_),
             [&](int64_t index, int thread) { compute(index, thread); });
    pool.run(static_cast<int64_t>(rows_.tiles.size()) * stage_.kv_heads,
             [&](int64_t index, int thread) { merge(index, thread); });
  }

 private:
  AttentionTask task(const RowTile& tile, HeadRange heads, int thread) const {
    return {stage_, kernels_, cache_, rows_, tile, heads, scratch_[static_cast<size_t>(thread)]};
  }

  int64_t queries_of_head(const RowTile& tile) const { return tile.rows * stage_.group_heads(); }

  // Of one chunk.
  int64_t result_floats(const RowTile& tile) const {
    return chunk_floats(stage_.kv_heads * queries_of_head(tile), stage_.value_head_dim);
  }

  // A chunk's results, which begin at data, from a head on.
  ChunkResult result_at(const RowTile& tile, float* data, int64_t head) const {
    const int64_t queries = stage_.kv_heads * queries_of_head(tile);
    float* maximum = data + queries * stage_.value_head_dim;
    const ChunkResult all = {.values = data, .maximum = maximum, .sum = maximum + queries};
    return all.from(head * queries_of_head(tile), stage_.value_head_dim);
  }

  void compute(int64_t index, int thread) const {
    const int64_t ranges = stage_.kv_heads / heads_;
    float* data = store_.data;
    for (const RowTile& tile : rows_.tiles) {
      const int64_t chunks = task(tile, {.first = 0, .count = 1}, thread).chunk_count();
      if (index < chunks * ranges) {
        const HeadRange heads = {.first = index % ranges * heads_, .count = heads_};
        const int64_t chunk = index / ranges;
        AttentionTask part = task(tile, heads, thread);
        part.gather_queries();
        part.compute_chunk(chunk, result_at(tile, data + chunk * result_floats(tile), heads.first));
        return;
      }
      index -= chunks * ranges;
      data += chunks * result_floats(tile);
    }
  }

  void merge(int64_t index, int thread) const {
    float* data = store_.data;
    for (const RowTile& tile : rows_.tiles) {
      const int64_t chunks = task(tile, {.first = 0, .count = 1}, thread).chunk_count();
      if (index < stage_.kv_heads) {
        AttentionTask part = task(tile, {.first = index, .count = 1}, thread);
        for (int64_t c = 0; c < chunks; ++c) {
          part.merge_chunk(c, result_at(tile, data + c * result_floats(tile), index));
        }
        part.finish();
        return;
      }
      index -= stage_.kv_heads;
      data += chunks * result_floats(tile);
    }
  }

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

}  // namespace

int32_t rows_per_tile(int64_t group_heads) {
  return static_cast<int32_t>(std::max<int64_t>(1, kTileQueries / group_heads));
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

int64_t ChunkStore::floats_for(int64_t heads, int64_t value_head_dim, int64_t positions,
                               int64_t sequences) {
  // What a row sees can begin and end in the middle of a chunk.
  const int64_t chunks = ceil_div(positions, int64_t{kAttentionChunk}) + 2 * sequences;
  return chunk_floats(heads, value_head_dim) * chunks;
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
  const int64_t heads =
      heads_per_task(stage, kernels, rows, tiles * stage.kv_heads, kTasksOfHeads, pool.threads());
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
