#include "engine/block_tables.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/checked_math.h"

namespace ix::engine {

using backend::BlockId;

Result<KvPools> KvPools::create(const backend::KvInfo& info, int64_t context_length,
                                int32_t max_rows, int32_t max_sequences) {
  if (info.tokens_per_block < 1) return internal_error("the backend's KV blocks hold no tokens");
  KvPools out;
  out.tokens_per_block_ = info.tokens_per_block;
  const int64_t whole = ceil_div(context_length, out.tokens_per_block_);
  int64_t chunk = max_rows;
  for (const backend::KvGroupInfo& group : info.groups) {
    const bool windowed = group.window > 0 && group.window < context_length;
    if (windowed && group.blocks < whole * max_sequences) {
      // c rows see window - 1 + c positions, which touch one block more than they fill when they
      // do not begin at a block's border.
      const auto rows_in = [&](int64_t blocks) {
        return (blocks - 1) * out.tokens_per_block_ - (group.window - 1);
      };
      int64_t rows = rows_in(group.blocks / max_sequences);
      if (rows < 1) rows = group.blocks >= whole ? chunk : rows_in(group.blocks);
      chunk = std::min(chunk, rows);
    } else if (group.blocks < whole) {
      return invalid_argument(fmt::format(
          "a context of {} tokens needs {} KV blocks of {} tokens, but the backend has {}",
          context_length, whole, info.tokens_per_block, group.blocks));
    }
    if (chunk < 1) {
      return invalid_argument(
          fmt::format("{} KV blocks of {} tokens are too few for a window of {} tokens",
                      group.blocks, info.tokens_per_block, group.window));
    }
    out.pools_.emplace_back(group.blocks);
    out.windows_.push_back(windowed ? group.window : 0);
  }
  out.max_chunk_ = static_cast<int32_t>(chunk);
  return out;
}

int32_t KvPools::blocks_needed(size_t group, int64_t tokens) const {
  int64_t needed = ceil_div(tokens, tokens_per_block_);
  if (windows_[group] > 0) {
    const int64_t seen = windows_[group] - 1 + max_chunk_;
    needed = std::min(needed, ceil_div(seen, tokens_per_block_) + 1);
  }
  return static_cast<int32_t>(needed);
}

bool KvPools::try_commit(int64_t tokens) {
  for (size_t g = 0; g < pools_.size(); ++g) {
    if (pools_[g].try_commit(blocks_needed(g, tokens))) continue;
    while (g-- > 0) pools_[g].uncommit(blocks_needed(g, tokens));
    return false;
  }
  return true;
}

void KvPools::uncommit(int64_t tokens) {
  for (size_t g = 0; g < pools_.size(); ++g) pools_[g].uncommit(blocks_needed(g, tokens));
}

BlockTables::BlockTables(KvPools& pools)
    : pools_(pools),
      tables_(pools.groups()),
      first_kept_(pools.groups(), 0),
      spans_(pools.groups()) {}

BlockTables::~BlockTables() {
  for (size_t g = 0; g < tables_.size(); ++g) {
    for (size_t i = first_kept_[g]; i < tables_[g].size(); ++i) {
      pools_.pool(g).release(tables_[g][i]);
    }
  }
}

void BlockTables::reserve(int64_t tokens) {
  const auto entries = static_cast<size_t>(ceil_div(tokens, pools_.tokens_per_block()));
  for (auto& table : tables_) table.reserve(entries);
}

void BlockTables::prepare(Position start, int32_t rows) {
  const int64_t block = pools_.tokens_per_block();
  for (size_t g = 0; g < tables_.size(); ++g) {
    auto& table = tables_[g];
    KvPool& pool = pools_.pool(g);
    if (const int64_t window = pools_.window(g); window > 0) {
      const int64_t first_seen = std::max<int64_t>(0, start - window + 1);
      for (; static_cast<int64_t>(first_kept_[g] + 1) * block <= first_seen; ++first_kept_[g]) {
        pool.release(table[first_kept_[g]]);
        table[first_kept_[g]] = backend::kNoBlock;
      }
    }
    const auto entries = static_cast<size_t>(ceil_div<int64_t>(int64_t{start} + rows, block));
    while (table.size() < entries) {
      const BlockId id = pool.allocate();
      IX_CHECK(id != backend::kNoBlock);
      table.push_back(id);
    }
    spans_[g] = table;
  }
}

}  // namespace ix::engine
