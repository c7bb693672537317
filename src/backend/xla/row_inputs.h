// What programs are told of their rows: tokens or their embeddings, positions, angles.
#pragma once

#include <span>
#include <vector>

#include "backend/xla/tensor_table.h"
#include "backend/xla/weights/source_matrix.h"
#include "backend/xla/xla_model.h"

namespace ix::backend::xla {

// The rows of one execution, padding included; sequence after sequence.
struct ProgramRows {
  std::span<const TokenId> tokens;      // [rows]
  std::span<const Position> positions;  // [rows]
  std::span<const Position> starts;     // [sequences]
  int32_t slot = 0;                     // of a prefill
};

// Writes the inputs that the programs bound to `table` have.
class RowInputs {
 public:
  // invalid_argument, naming the tensor, where embeddings cannot be read.
  static Result<RowInputs> create(XlaModel& model);

  Status write(const ProgramRows& rows, TensorTable& table);
  // kind: slot or copied_slot.
  Status write_slot(InputKind kind, int32_t slot, TensorTable& table);

 private:
  explicit RowInputs(XlaModel& model) : model_(&model) {}

  Status write_embeddings(const ProgramRows& rows, TensorTable& table);

  XlaModel* model_;
  struct HostEmbedding {
    int32_t op;
    SourceMatrix table;
  };
  std::vector<HostEmbedding> embeddings_;
  std::vector<float> floats_;
};

}  // namespace ix::backend::xla
