// What is worked out of logits on the device: f32 [rows, columns of the rank].
#pragma once

#include "backend/xla/hlo/builder.h"

namespace ix::backend::xla {

// Columns beyond the vocabulary hold this.
inline constexpr double kPaddingLogit = -30000;

// Longest row that is sorted at once; longer ones in pieces.
inline constexpr int64_t kSortedColumns = 16384;

// The columns of all ranks, numbered: token ids are exact in f32 below 2^24.
inline constexpr int64_t kMostTokens = int64_t{1} << 24;

// first_token f32 [1]: the vocabulary index of the rank's first column.
class HeadEmitter {
 public:
  HeadEmitter(hlo::Builder& b, hlo::Op first_token, int64_t vocab_size);

  // Columns beyond the vocabulary become kPaddingLogit.
  hlo::Op mask_padding(hlo::Op logits);

  // s32 [rows]: the smallest id among the largest logits of all ranks.
  hlo::Op argmax(hlo::Op logits);

  struct Top {
    hlo::Op values;     // f32 [rows, k], best first, equal ones by smaller id
    hlo::Op tokens;     // s32 [rows, k]
    hlo::Op logsumexp;  // f32 [rows]
  };
  Top top(hlo::Op logits, int64_t k);

 private:
  // f32: the id of each column.
  hlo::Op ids(const hlo::Dims& dims);

  hlo::Builder& b_;
  hlo::Op first_token_;  // f32 []
  int64_t vocab_size_;
};

}  // namespace ix::backend::xla
