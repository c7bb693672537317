#include "bench/streams.h"

#include <algorithm>

#include "base/checked_math.h"

namespace ix::cli {

Streams::Streams(backend::Executor& executor, int64_t vocab, int32_t count, int64_t length)
    : executor_(executor), token_(0, static_cast<TokenId>(vocab - 1)) {
  const backend::KvInfo& kv = executor.kv();
  for (int32_t sequence = 0; sequence < count; ++sequence) {
    for (const backend::KvGroupInfo& group : kv.groups) {
      // A windowed group has fewer blocks than positions: what left the window is written over.
      const int32_t own = group.blocks / count;
      std::vector<backend::BlockId> table(
          static_cast<size_t>(ceil_div<int64_t>(length, kv.tokens_per_block)));
      for (size_t i = 0; i < table.size(); ++i) {
        table[i] = sequence * own + static_cast<backend::BlockId>(i) % own;
      }
      blocks_.push_back(std::move(table));
    }
  }
  for (size_t i = 0; i < blocks_.size(); ++i) {
    if (i % kv.groups.size() == 0) tables_.emplace_back();
    tables_.back().emplace_back(blocks_[i]);
  }
}

Status Streams::prefill(int32_t sequence, int64_t begin, int64_t end, int32_t max_rows) {
  for (int64_t start = begin; start < end; start += max_rows) {
    const auto rows = static_cast<int32_t>(std::min<int64_t>(max_rows, end - start));
    wants_.assign(static_cast<size_t>(rows), {});
    if (start + rows == end) wants_.back().kind = backend::Want::argmax;
    const backend::SequenceRows one{.first_row = 0,
                                    .rows = rows,
                                    .start = static_cast<Position>(start),
                                    .block_tables = tables_[static_cast<size_t>(sequence)]};
    IX_RETURN_IF_ERROR(run({&one, 1}));
  }
  return ok_status();
}

Status Streams::decode(int64_t position) {
  wants_.assign(tables_.size(), {.kind = backend::Want::argmax});
  rows_.clear();
  for (size_t i = 0; i < tables_.size(); ++i) {
    rows_.push_back({.first_row = static_cast<int32_t>(i),
                     .rows = 1,
                     .start = static_cast<Position>(position),
                     .block_tables = tables_[i]});
  }
  return run(rows_);
}

Status Streams::run(std::span<const backend::SequenceRows> sequences) {
  tokens_.resize(wants_.size());
  for (TokenId& token : tokens_) token = token_(random_);
  IX_ASSIGN_OR_RETURN(
      const backend::Ticket ticket,
      executor_.submit({.tokens = tokens_, .sequences = sequences, .wants = wants_}));
  return executor_.wait(ticket, backend::kNoDeadline).status();
}

}  // namespace ix::cli
