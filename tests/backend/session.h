// Sequences on an executor, with block tables kept as an engine would keep them.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/executor.h"

namespace ix::testing {

// A RowResult that outlives the step.
struct RowCopy {
  int32_t row = 0;
  TokenId argmax = kNoToken;
  float logsumexp = 0;
  std::vector<backend::TokenLogit> top;
  std::vector<float> logits;
};

struct Sequence {
  Position next = 0;                                  // first position not yet run
  std::vector<std::vector<backend::BlockId>> tables;  // [groups]
};

// Some rows of one sequence in a step.
struct Chunk {
  Sequence* sequence;
  std::vector<TokenId> tokens;
};

// In which order blocks of the pool are handed out.
enum class BlockOrder { rising, shuffled };

class Session {
 public:
  explicit Session(backend::Executor& executor, BlockOrder order = BlockOrder::rising);

  Sequence start() const;

  // One step. wants has one entry a row, or a single one for all rows. Blocks are taken as needed
  // and those that left their window are given back (kNoBlock in the table). Checks that the step
  // succeeds.
  std::vector<RowCopy> step(const std::vector<Chunk>& chunks,
                            const std::vector<backend::RowWant>& wants);

  // Runs tokens in steps of `rows` rows; logits of every token.
  std::vector<std::vector<float>> run(Sequence& sequence, const std::vector<TokenId>& tokens,
                                      int rows);

  // Sees to it that the tables cover `end` positions.
  void cover(Sequence& sequence, int64_t end);
  backend::BlockId take(size_t group);
  void give_back(Sequence& sequence);

  backend::Executor& executor() { return executor_; }

 private:
  void free_passed_blocks(Sequence& sequence);

  backend::Executor& executor_;
  std::vector<std::vector<backend::BlockId>> free_;  // [groups]
};

inline constexpr backend::RowWant kWantLogits{.kind = backend::Want::logits, .k = 0};
inline constexpr backend::RowWant kWantNothing{.kind = backend::Want::nothing, .k = 0};
inline constexpr backend::RowWant kWantArgmax{.kind = backend::Want::argmax, .k = 0};
constexpr backend::RowWant want_top(int32_t k) { return {.kind = backend::Want::top_k, .k = k}; }

}  // namespace ix::testing
