// What a program runs: which ops, on how many rows, over how much of the cache.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/xla/hlo/module.h"
#include "backend/xla/hlo/shape.h"
#include "backend/xla/runtime.h"

namespace ix::backend::xla {

// A layer's keys are [slots, KV heads of a rank, positions, head_dim], its values the same with
// value_head_dim. The last positions of a slot, beyond the context, take what padded rows write.
struct CacheShape {
  int64_t slots;
  int64_t positions;
  hlo::ElementType type;  // bf16 or f32
};

// What one plugin or compiler needs and others do not.
struct LoweringTarget {
  // XLA's CPU compiler copies the weights of a bf16 product with one row into float32.
  bool pad_single_rows = false;
};

// Ops of layers [first_layer, end_layer), what stands before the first layer where first_layer is 0
// and, with_head, the head after the last.
//   prefill: `rows` consecutive positions of one slot, which is an input;
//   decode: `rows` consecutive positions of every slot: sequences = slots of the cache.
struct ProgramShape {
  ProgramKind kind;
  int64_t rows;       // of a sequence
  int64_t positions;  // of the cache that attention reads: more than any row's position
  int32_t first_layer;
  int32_t end_layer;
  bool with_head;
  // The head runs on this many rows, chosen by an input; 0: on all rows.
  int64_t picked_rows = 0;
};

enum class InputKind : uint8_t {
  tokens,       // s32 [rows]: ids; with WeightOptions::embed_on_host `embeddings`
  embeddings,   // f32 [rows, width]; index: the op
  hidden,       // f32 [rows, width]: a value that an earlier program wrote; index: the value
  starts,       // s32 [sequences]: position of each sequence's first row
  slot,         // s32 [1]: that a prefill or a copy writes
  copied_slot,  // s32 [1]
  angles,       // f32 [2, rows, pairs]; index: of RopeTables::tables
  picked,       // s32 [picked rows]: rows that go through the head
  first_token,  // f32 [1]: vocabulary index of the rank's first column
  weight,       // index: of WeightList::tensors
  keys,         // index: KV layer
  values,
  logits,  // f32 [rows, columns of the rank]
};

struct ProgramInput {
  InputKind kind;
  int32_t index = 0;
};

enum class OutputKind : uint8_t {
  hidden,  // index: the value
  keys,    // in place; index: KV layer
  values,
  logits,      // f32 [rows, columns of the rank]; padding -30000
  argmax,      // s32 [rows]
  top_values,  // f32 [rows, k], best first
  top_tokens,  // s32 [rows, k]
  logsumexp,   // f32 [rows]
};

struct ProgramOutput {
  OutputKind kind;
  int32_t index = 0;
};

struct LoweredProgram {
  hlo::Module module;
  std::vector<ProgramInput> inputs;    // as module.parameters
  std::vector<ProgramOutput> outputs;  // as module.outputs
};

}  // namespace ix::backend::xla
