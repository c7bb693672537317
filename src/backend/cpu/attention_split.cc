#include "backend/cpu/attention_split.h"

#include <algorithm>

#include "base/check.h"
#include "base/checked_math.h"

namespace ix::backend::cpu {
namespace {

// Tasks for each thread below which the chunks of a tile are spread over threads.
constexpr int64_t kFewTasks = 4;
// Tasks for each thread, at least, that remain where tasks take several KV heads.
constexpr int64_t kTasksOfHeads = 2;
constexpr int64_t kTasksOfChunks = 8;

// Of which `tasks` tasks of one head leave tasks_per_thread for each thread. Few queries are bound
// by reading keys and values, and a head's pieces of some KiB begin a page each: those of
// neighbours are one run (Zen 4, two cores, 32 heads of 128: 22 GB/s in eights, 25 in sixteens, 28
// all together, where plain reads in order are 32).
int64_t heads_together(const AttentionStage& stage, const VectorKernels& kernels,
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

}  // namespace

int64_t heads_per_task(const AttentionStage& stage, const VectorKernels& kernels,
                       const StepRows& rows, int threads) {
  const auto tiles = static_cast<int64_t>(rows.tiles.size());
  return heads_together(stage, kernels, rows, tiles * stage.kv_heads, kTasksOfHeads, threads);
}

int64_t ChunkStore::floats_for(int64_t heads, int64_t value_head_dim, int64_t positions,
                               int64_t sequences) {
  // What a row sees can begin and end in the middle of a chunk.
  const int64_t chunks = ceil_div(positions, int64_t{kAttentionChunk}) + 2 * sequences;
  return chunk_floats(heads, value_head_dim) * chunks;
}

SplitAttention::SplitAttention(const AttentionStage& stage, const VectorKernels& kernels,
                               const KvCache& cache, const StepRows& rows, int threads,
                               std::vector<AttentionScratch>& scratch, const ChunkStore& store)
    : stage_(stage),
      kernels_(kernels),
      cache_(cache),
      rows_(rows),
      threads_(threads),
      scratch_(scratch),
      store_(store) {
  for (const RowTile& tile : rows_.tiles) {
    const int64_t chunks = chunks_of(tile);
    chunks_ += chunks;
    floats_ += chunks * result_floats(tile);
  }
  heads_ = heads_together(stage, kernels, rows, chunks_ * stage.kv_heads, kTasksOfChunks, threads);
}

bool SplitAttention::fits() const {
  const auto tiles = static_cast<int64_t>(rows_.tiles.size());
  if (threads_ == 1 || chunks_ == tiles || floats_ > store_.floats) return false;
  return tiles * stage_.kv_heads < kFewTasks * threads_ ||
         heads_ > heads_per_task(stage_, kernels_, rows_, threads_);
}

void SplitAttention::run(ThreadPool& pool) const {
  pool.run(chunks_ * (stage_.kv_heads / heads_),
           [&](int64_t index, int thread) { compute(index, thread); });
  pool.run(static_cast<int64_t>(rows_.tiles.size()) * stage_.kv_heads,
           [&](int64_t index, int thread) { merge(index, thread); });
}

AttentionTask SplitAttention::task(const RowTile& tile, HeadRange heads, int thread) const {
  return {stage_, kernels_, cache_, rows_, tile, heads, scratch_[static_cast<size_t>(thread)]};
}

int64_t SplitAttention::chunks_of(const RowTile& tile) const {
  return task(tile, {.first = 0, .count = 1}, 0).chunk_count();
}

int64_t SplitAttention::result_floats(const RowTile& tile) const {
  return chunk_floats(stage_.kv_heads * queries_of_head(tile), stage_.value_head_dim);
}

ChunkResult SplitAttention::result_at(const RowTile& tile, float* data, int64_t head) const {
  const int64_t queries = stage_.kv_heads * queries_of_head(tile);
  float* maximum = data + queries * stage_.value_head_dim;
  const ChunkResult all = {.values = data, .maximum = maximum, .sum = maximum + queries};
  return all.from(head * queries_of_head(tile), stage_.value_head_dim);
}

SplitAttention::Place SplitAttention::find(int64_t index, int64_t per_chunk,
                                           int64_t per_tile) const {
  float* data = store_.data;
  for (const RowTile& tile : rows_.tiles) {
    const int64_t chunks = chunks_of(tile);
    const int64_t tasks = chunks * per_chunk + per_tile;
    if (index < tasks) return {.tile = tile, .data = data, .chunks = chunks, .index = index};
    index -= tasks;
    data += chunks * result_floats(tile);
  }
  IX_CHECK(false);
}

void SplitAttention::compute(int64_t index, int thread) const {
  const int64_t ranges = stage_.kv_heads / heads_;
  const Place place = find(index, ranges, 0);
  const int64_t chunk = place.index / ranges;
  const HeadRange heads = {.first = place.index % ranges * heads_, .count = heads_};
  AttentionTask part = task(place.tile, heads, thread);
  part.gather_queries();
  part.compute_chunk(
      chunk, result_at(place.tile, place.data + chunk * result_floats(place.tile), heads.first));
}

void SplitAttention::merge(int64_t index, int thread) const {
  const Place place = find(index, 0, stage_.kv_heads);
  AttentionTask part = task(place.tile, {.first = place.index, .count = 1}, thread);
  for (int64_t c = 0; c < place.chunks; ++c) {
    part.merge_chunk(
        c, result_at(place.tile, place.data + c * result_floats(place.tile), place.index));
  }
  part.finish();
}

}  // namespace ix::backend::cpu
