// From the tensors of the head to the results of rows.
#pragma once

#include <vector>

#include "backend/row_results.h"
#include "backend/xla/bound_program.h"

namespace ix::backend::xla {

// A row of a step that wants something, and where the head has put what it wants.
struct ResultRow {
  int32_t result;  // number in RowResults
  RowWant want;
  int32_t row;  // of the tensors
};

// Reads what rows of one set of tensors want.
class HeadReader {
 public:
  explicit HeadReader(XlaModel& model) : model_(model) {}

  // Forgets the logits of the last step.
  void begin() { used_ = 0; }

  Status read(const ResultTensors& tensors, std::span<const ResultRow> rows, RowResults& results);

 private:
  Status read_argmax(const ResultTensors& tensors, std::span<const ResultRow> rows,
                     RowResults& results);
  Status read_top(const ResultTensors& tensors, std::span<const ResultRow> rows,
                  RowResults& results);
  Status read_logits(const ResultTensors& tensors, std::span<const ResultRow> rows,
                     RowResults& results);
  std::vector<float>& kept_row();

  XlaModel& model_;
  std::vector<TokenId> tokens_;
  std::vector<float> floats_;
  std::vector<float> logsumexp_;
  std::vector<TokenLogit> top_;
  std::vector<std::vector<float>> kept_;  // rows of logits that results show
  size_t used_ = 0;
};

}  // namespace ix::backend::xla
