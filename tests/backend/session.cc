#include "backend/session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace ix::testing {

using backend::BlockId;
using backend::kNoBlock;

Session::Session(backend::Executor& executor, BlockOrder order) : executor_(executor) {
  std::mt19937 random(7);
  for (const backend::KvGroupInfo& group : executor.kv().groups) {
    std::vector<BlockId> blocks(static_cast<size_t>(group.blocks));
    std::iota(blocks.rbegin(), blocks.rend(), 0);  // handed out from the back
    if (order == BlockOrder::shuffled) std::shuffle(blocks.begin(), blocks.end(), random);
    free_.push_back(std::move(blocks));
  }
}

Sequence Session::start() const {
  return {.next = 0, .tables = std::vector<std::vector<BlockId>>(free_.size())};
}

BlockId Session::take(size_t group) {
  EXPECT_FALSE(free_[group].empty()) << "KV group " << group << " has too few blocks";
  if (free_[group].empty()) return 0;
  const BlockId block = free_[group].back();
  free_[group].pop_back();
  return block;
}

void Session::cover(Sequence& sequence, int64_t end) {
  const int64_t block_tokens = executor_.kv().tokens_per_block;
  for (size_t group = 0; group < free_.size(); ++group) {
    auto& table = sequence.tables[group];
    while (static_cast<int64_t>(table.size()) * block_tokens < end) table.push_back(take(group));
  }
}

void Session::give_back(Sequence& sequence) {
  for (size_t group = 0; group < free_.size(); ++group) {
    for (const BlockId block : sequence.tables[group]) {
      if (block != kNoBlock) free_[group].push_back(block);
    }
  }
  sequence = start();
}

// The next row, at sequence.next, sees positions after next - window.
void Session::free_passed_blocks(Sequence& sequence) {
  for (size_t group = 0; group < free_.size(); ++group) {
    const int64_t window = executor_.kv().groups[group].window;
    if (window == 0) continue;
    const int64_t first = std::max<int64_t>(0, sequence.next - window + 1);
    for (int64_t i = 0; i < first / executor_.kv().tokens_per_block; ++i) {
      BlockId& block = sequence.tables[group][static_cast<size_t>(i)];
      if (block != kNoBlock) free_[group].push_back(block);
      block = kNoBlock;
    }
  }
}

std::vector<RowCopy> Session::step(const std::vector<Chunk>& chunks,
                                   const std::vector<backend::RowWant>& wants) {
  std::vector<TokenId> tokens;
  std::vector<backend::SequenceRows> rows;
  std::vector<std::vector<std::span<const BlockId>>> tables(chunks.size());
  for (size_t i = 0; i < chunks.size(); ++i) {
    Sequence& sequence = *chunks[i].sequence;
    free_passed_blocks(sequence);
    const auto count = static_cast<int32_t>(chunks[i].tokens.size());
    cover(sequence, sequence.next + count);
    tables[i].assign(sequence.tables.begin(), sequence.tables.end());
    rows.push_back({.first_row = static_cast<int32_t>(tokens.size()),
                    .rows = count,
                    .start = sequence.next,
                    .block_tables = tables[i]});
    tokens.insert(tokens.end(), chunks[i].tokens.begin(), chunks[i].tokens.end());
    sequence.next += count;
  }
  std::vector<backend::RowWant> all(tokens.size(), wants.front());
  if (wants.size() > 1) all = wants;

  const auto ticket = executor_.submit({.tokens = tokens, .sequences = rows, .wants = all});
  EXPECT_TRUE(ticket.ok()) << ticket.status().message();
  if (!ticket.ok()) return std::vector<RowCopy>(tokens.size());
  const auto output = executor_.wait(*ticket, backend::kNoDeadline);
  EXPECT_TRUE(output.ok()) << output.status().message();
  if (!output.ok()) return std::vector<RowCopy>(tokens.size());
  std::vector<RowCopy> results;
  for (const backend::RowResult& row : output->rows) {
    results.push_back({.row = row.row,
                       .argmax = row.argmax,
                       .logsumexp = row.logsumexp,
                       .top = {row.top.begin(), row.top.end()},
                       .logits = {row.logits.begin(), row.logits.end()}});
  }
  return results;
}

std::vector<std::vector<float>> Session::run(Sequence& sequence, const std::vector<TokenId>& tokens,
                                             int rows) {
  std::vector<std::vector<float>> logits;
  for (size_t begin = 0; begin < tokens.size(); begin += static_cast<size_t>(rows)) {
    const size_t end = std::min(begin + static_cast<size_t>(rows), tokens.size());
    const std::vector<TokenId> chunk(tokens.begin() + static_cast<ptrdiff_t>(begin),
                                     tokens.begin() + static_cast<ptrdiff_t>(end));
    for (RowCopy& row : step({{&sequence, chunk}}, {kWantLogits})) {
      logits.push_back(std::move(row.logits));
    }
  }
  return logits;
}

}  // namespace ix::testing
