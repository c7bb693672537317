// From a row of logits to what the row wanted.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/executor.h"

namespace ix::backend {

// NaN counts as minus infinity in all three.

// Smallest id among the largest logits. logits is not empty.
TokenId argmax(std::span<const float> logits);

// ln(sum(exp(logits))), summed in double in order of id.
float logsumexp(std::span<const float> logits);

// The top.size() best, best first, equal logits by smaller id. 1 <= top.size() <= logits.size().
void select_top(std::span<const float> logits, std::span<TokenLogit> top);

// The storage behind a StepOutput. Allocates only where a step wants more than any before it.
class RowResults {
 public:
  // Forgets the last step. Results are numbered 0 .. count() - 1 in row order, one for each row
  // that wants something. wants is not kept.
  void begin(std::span<const RowWant> wants, int64_t vocab_size);

  int32_t count() const { return static_cast<int32_t>(results_.size()); }

  // Row of each result: [count()], rising.
  std::span<const int32_t> rows() const { return rows_; }

  // Fills result i from its row's logits [vocab_size]. Where the row wants logits the span is kept:
  // it must live until the next begin(). Different results may be filled from different threads.
  void set(int32_t i, std::span<const float> logits);

  // The same from what a device has found: for a row that wants argmax, and for one that wants
  // top_k (top: at least as many as it wants, best first).
  void set_argmax(int32_t i, TokenId token);
  void set_top(int32_t i, std::span<const TokenLogit> top, float logsumexp);

  StepOutput output() const { return {.rows = results_}; }

 private:
  // The part of top_ that a result shows.
  std::span<TokenLogit> top_of(const RowResult& result);

  std::vector<RowResult> results_;  // top points into top_
  std::vector<int32_t> rows_;
  std::vector<RowWant> wants_;  // of each result
  std::vector<TokenLogit> top_;
};

}  // namespace ix::backend
