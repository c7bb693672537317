// All memory that a step works in, taken once at open.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/cpu/attention.h"
#include "backend/cpu/linear.h"
#include "backend/cpu/row_ops.h"
#include "backend/executor.h"
#include "backend/value_slots.h"
#include "base/page_buffer.h"
#include "graph/decoder.h"

namespace ix::backend::cpu {

// Rows that want something go through the head this many at a time, so that logits of large
// vocabularies never stand for a whole step.
inline constexpr int32_t kHeadRows = 32;

// How much of what a decoder needs, for max_rows rows and some threads.
struct BufferSizes {
  int32_t max_rows;
  int32_t head_rows;
  ValueSlots slots;
  std::vector<bool> slot_in_body;  // [slots], holds a value that an op before the head writes
  std::vector<bool> slot_in_head;  // [slots], holds a value that the head reads or writes
  int64_t linear_width = 0;        // widest input of a linear
  int64_t rope_half = 0;           // widest half
  int64_t rope_tables = 0;
  int64_t group_heads = 1;  // widest of any attention
  int64_t head_dim = 1;
  int64_t value_head_dim = 1;
  int64_t chunk_floats = 0;    // of the store of attention chunks
  int64_t matmul_scratch = 0;  // bytes a thread

  static BufferSizes of(const graph::Decoder& decoder, const ExecutorOptions& options,
                        const MatrixKernels& matrix);
  // Room for max_rows rows of the widest input of a linear.
  int64_t activation_bytes(ActivationKind kind) const;
  // Bytes that a step of max_rows rows with one wanted row commits, with `threads` threads.
  int64_t bytes(int threads) const;
};

class StepBuffers {
 public:
  static Result<StepBuffers> create(const graph::Decoder& decoder, const BufferSizes& sizes,
                                    int threads);

  // The buffer of a value for the body (max_rows rows) or the head (head_rows rows).
  Rows value(graph::ValueId id, bool head) const;
  // activation_bytes(kind) bytes.
  uint8_t* activations(ActivationKind kind) const { return activations_[static_cast<int>(kind)]; }
  Rows cosine(int64_t table) const;
  Rows sine(int64_t table) const;
  // [max_rows, vocab]: logits that rows want to see, where the head runs more than once.
  Rows kept_logits() const { return kept_; }

  std::vector<AttentionScratch>& attention_scratch() { return attention_; }
  const ChunkStore& chunk_store() const { return chunks_; }
  LinearScratch& linear_scratch() { return linear_; }

 private:
  struct Slot {
    float* body = nullptr;
    float* head = nullptr;
    // The same for all values of the slot: ops run row by row, and a row of one value must not
    // reach into another row of the value that had the slot before.
    int64_t stride = 0;
  };

  PageBuffer memory_;
  PageBuffer kept_memory_;
  std::vector<int32_t> slot_of_;
  std::vector<Slot> slots_;
  uint8_t* activations_[kActivationKinds] = {};
  float* angles_ = nullptr;
  int64_t angles_stride_ = 0;
  int64_t angles_rows_ = 0;
  Rows kept_;
  std::vector<AttentionScratch> attention_;
  ChunkStore chunks_;
  LinearScratch linear_{0, 0, nullptr, 0};
};

// Ropes that turn alike share a table of angles.
bool same_angles(const graph::Rope& a, const graph::Rope& b);

}  // namespace ix::backend::cpu
