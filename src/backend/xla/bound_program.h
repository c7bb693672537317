// A loaded program with the tensors that it runs on.
#pragma once

#include <vector>

#include "backend/xla/tensor_table.h"
#include "backend/xla/xla_model.h"

namespace ix::backend::xla {

// What the head works out for a number of rows.
struct ResultTensors {
  RankTensors logits;      // f32 [rows, columns of the rank]
  RankTensors argmax;      // s32 [rows]; this and the following are the same on all ranks
  RankTensors top_values;  // f32 [rows, k]; made when a row wants them
  RankTensors top_tokens;  // s32 [rows, k]
  RankTensors logsumexp;   // f32 [rows]
};

struct BoundProgram {
  Program* program = nullptr;
  std::vector<RankBinding> bindings;  // [ranks]

  bool empty() const { return program == nullptr; }
};

// Loads a program and finds or makes its tensors: inputs and hidden values of its rows in `rows`,
// keys and values in `cache`, outputs of the head in `results` (null for a program without).
Result<BoundProgram> bind(XlaModel& model, const LoweredProgram& lowered, ProgramKind kind,
                          TensorTable& rows, TensorTable& cache, ResultTensors* results);

}  // namespace ix::backend::xla
