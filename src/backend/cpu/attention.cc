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

// KV heads that a task takes, a divisor of them all. Few queries are bound by reading keys and
// values, and a head's pieces of some KiB begin a page each: those of neighbours are one run (Zen
// 4, two cores, 32 heads of 128 at 4,096 tokens: 17 GB/s one by one, 19 in eights).
int64_t heads_per_task(const AttentionStage& stage, const VectorKernels& kernels,
                       const StepRows& rows, int threads) {
  if (kernels.attention.fetches_ahead) return 1;
  int64_t tile_rows = 1;
  for (const RowTile& tile : rows.tiles) tile_rows = std::max<int64_t>(tile_rows, tile.rows);
  const auto tiles = static_cast<int64_t>(rows.tiles.size());
  const int64_t room = most_queries(stage.group_heads()) / (tile_rows * stage.group_heads());
  const int64_t enough = tiles * stage.kv_heads / (kTasksOfHeads * threads);
  int64_t heads = std::clamp<int64_t>(std::min(room, enough), 1, stage.kv_heads);
  while (stage.kv_heads % heads != 0) --heads;
  return heads;
}

int64_t chunk_floats(int64_t queries, int64_t value_head_dim) {
  return queries * (value_head_dim + 2);
}

// The single chunks of all tiles, one KV head each, in the order in which the store holds them: by
// tile, KV head and chunk.
class SplitAttention {
 public:
  SplitAttention(const AttentionStage& stage, const VectorKernels& kernels, const KvCache& cache,
                 const StepRows& rows, std::vector<AttentionScratch>& scratch,
                 const ChunkStore& store)
      : stage_(stage),
        kernels_(kernels),
        cache_(cache),
        rows_(rows),
        scratch_(scratch),
        store_(store) {}

  // Splitting pays, and the results of all chunks have room.
  bool fits(int threads) const {
    const auto tiles = static_cast<int64_t>(rows_.tiles.size());
    if (threads == 1 || tiles * stage_.kv_heads >= kFewTasks * threads) return false;
    int64_t floats = 0;
    bool several = false;
    for (const RowTile& tile : rows_.tiles) {
      const int64_t chunks = task(tile, 0, 0).chunk_count();
      several = several || chunks > 1;
      floats += chunks * stage_.kv_heads * tile_floats(tile);
    }
    return several && floats <= store_.floats;
  }

  void run(ThreadPool& pool) const {
    int64_t chunks = 0;
    for (const RowTile& tile : rows_.tiles) {
      chunks += task(tile, 0, 0).chunk_count() * stage_.kv_heads;
    }
    pool.run(chunks, [&](int64_t index, int thread) { compute(index, thread); });
    pool.run(static_cast<int64_t>(rows_.tiles.size()) * stage_.kv_heads,
             [&](int64_t index, int thread) { merge(index, thread); });
  }

 private:
  AttentionTask task(const RowTile& tile, int64_t kv_head, int thread) const {
    return {stage_,
            kernels_,
            cache_,
            rows_,
            tile,
            {.first = kv_head, .count = 1},
            scratch_[static_cast<size_t>(thread)]};
  }

  int64_t tile_floats(const RowTile& tile) const {
    return chunk_floats(tile.rows * stage_.group_heads(), stage_.value_head_dim);
  }

  ChunkResult result_at(const RowTile& tile, float* data) const {
    const int64_t queries = tile.rows * stage_.group_heads();
    float* maximum = data + queries * stage_.value_head_dim;
    return {.values = data, .maximum = maximum, .sum = maximum + queries};
  }

  void compute(int64_t index, int thread) const {
    float* data = store_.data;
    for (const RowTile& tile : rows_.tiles) {
      const int64_t chunks = task(tile, 0, thread).chunk_count();
      if (index < chunks * stage_.kv_heads) {
        AttentionTask part = task(tile, index / chunks, thread);
        part.gather_queries();
        part.compute_chunk(index % chunks, result_at(tile, data + index * tile_floats(tile)));
        return;
      }
      index -= chunks * stage_.kv_heads;
      data += chunks * stage_.kv_heads * tile_floats(tile);
    }
  }

  void merge(int64_t index, int thread) const {
    float* data = store_.data;
    for (const RowTile& tile : rows_.tiles) {
      const int64_t chunks = task(tile, 0, thread).chunk_count();
      if (index < stage_.kv_heads) {
        AttentionTask part = task(tile, index, thread);
        for (int64_t c = 0; c < chunks; ++c) {
          part.merge_chunk(c, result_at(tile, data + (index * chunks + c) * tile_floats(tile)));
        }
        part.finish();
        return;
      }
      index -= stage_.kv_heads;
      data += chunks * stage_.kv_heads * tile_floats(tile);
    }
  }

  const AttentionStage& stage_;
  const VectorKernels& kernels_;
  const KvCache& cache_;
  const StepRows& rows_;
  std::vector<AttentionScratch>& scratch_;
  const ChunkStore& store_;
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
  first.resize(count);
  end.resize(count);
}

int64_t AttentionScratch::bytes(int64_t group_heads, int64_t head_dim, int64_t value_head_dim) {
  return most_queries(group_heads) * (head_dim + value_head_dim + kAttentionChunk + 6) *
         static_cast<int64_t>(sizeof(float));
}

int64_t ChunkStore::floats_for(int64_t heads, int64_t value_head_dim, int64_t positions) {
  // A window or a past can begin in the middle of a chunk: one more.
  return chunk_floats(heads, value_head_dim) * (ceil_div(positions, int64_t{kAttentionChunk}) + 1);
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
  const SplitAttention split(stage, kernels, cache, rows, scratch, store);
  if (split.fits(pool.threads())) {
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
