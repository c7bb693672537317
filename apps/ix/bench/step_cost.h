// What a step of a decoder has to read and to multiply, whoever runs it.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/executor.h"
#include "base/result.h"
#include "graph/decoder.h"
#include "quant/weight_source.h"

namespace ix::cli {

// Sums over steps.
struct StepCost {
  int64_t weight_bytes = 0;   // every tensor once a step as in the file, embeddings by the row
  int64_t kv_bytes = 0;       // keys and values of every position that a row sees, once a step
  int64_t linear_ops = 0;     // products with weights; a multiplication and an addition are two
  int64_t attention_ops = 0;  // scores and weighted values

  StepCost& operator+=(const StepCost& other);
  int64_t bytes() const { return weight_bytes + kv_bytes; }
};

class CostModel {
 public:
  // not_found names a tensor that is missing.
  static Result<CostModel> create(const graph::Decoder& decoder, const quant::WeightSource& weights,
                                  const backend::KvInfo& kv);

  // A step of `rows` rows at positions start, start + 1, … in each of `sequences` sequences;
  // the last row of each wants its best token where `wants` is set.
  StepCost step(int64_t start, int64_t rows, int64_t sequences, bool wants) const;

 private:
  struct AttentionCost {
    int64_t window;    // 0 = all positions
    int64_t kv_bytes;  // of a position
    int64_t ops;       // of a row and a position
  };

  int64_t body_bytes_ = 0;
  int64_t body_weights_ = 0;
  int64_t head_bytes_ = 0;
  int64_t head_weights_ = 0;
  int64_t embedding_row_bytes_ = 0;
  std::vector<AttentionCost> attentions_;
};

}  // namespace ix::cli
