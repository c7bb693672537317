// Sequences of random tokens that go through an Executor together, step by step.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "backend/executor.h"
#include "base/result.h"
#include "base/types.h"

namespace ix::cli {

class Streams {
 public:
  // `count` sequences of at most `length` positions. The executor must have room for both (its
  // kv_tokens >= count * length, its max_sequences >= count) and outlives this.
  Streams(backend::Executor& executor, int64_t vocab, int32_t count, int64_t length);
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  // Runs rows at positions [begin, end) of one sequence, at most max_rows a step; the last row
  // wants its best token.
  Status prefill(int32_t sequence, int64_t begin, int64_t end, int32_t max_rows);

  // One row of every sequence at `position`; each wants its best token.
  Status decode(int64_t position);

 private:
  // The tables of a sequence, one a KV group.
  using Tables = std::vector<std::span<const backend::BlockId>>;

  Status run(std::span<const backend::SequenceRows> sequences);

  backend::Executor& executor_;
  std::uniform_int_distribution<TokenId> token_;
  std::mt19937 random_{1};
  std::vector<std::vector<backend::BlockId>> blocks_;  // what the tables point to
  std::vector<Tables> tables_;                         // [count]
  std::vector<TokenId> tokens_;
  std::vector<backend::RowWant> wants_;
  std::vector<backend::SequenceRows> rows_;
};

}  // namespace ix::cli
