// The graph prepared for running: flat lists of ops with the addresses that they work on.
//
// Three kinds of stages follow each other, with one pass over the threads each: runs of row-wise
// ops, products that read the same value, and attention.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/cpu/attention.h"
#include "backend/cpu/cpu_model.h"
#include "backend/cpu/linear.h"
#include "backend/cpu/row_ops.h"
#include "backend/cpu/step_buffers.h"

namespace ix::backend::cpu {

enum class StageKind : uint8_t { row_ops, linear, attention };

struct Stage {
  StageKind kind;
  size_t first;  // row ops [first, end); else one linear or attention
  size_t end;
};

// A value of the body that the head reads, for wanted rows only.
struct CarriedValue {
  Rows from;
  Rows to;
  int64_t width;
};

struct Plan {
  std::vector<RowOp> row_ops;
  std::vector<LinearStage> linears;
  std::vector<AttentionStage> attentions;
  std::vector<Stage> body;
  std::vector<Stage> head;
  std::vector<CarriedValue> carried;
  Rows logits;
  std::vector<std::vector<float>> rope_frequencies;  // one a table of angles
  int32_t rows_per_tile = 1;
};

// model and buffers must outlive the plan.
Plan make_plan(const CpuModel& model, const BufferSizes& sizes, const StepBuffers& buffers,
               const MatrixKernels& matrix);

}  // namespace ix::backend::cpu
