#include "backend/xla/row_inputs.h"

namespace ix::backend::xla {
namespace {

template <typename T>
Status write_values(Runtime& runtime, RankTensors* tensors, std::span<const T> values) {
  return tensors == nullptr ? ok_status() : tensors->write(runtime, std::as_bytes(values));
}

}  // namespace

Result<RowInputs> RowInputs::create(XlaModel& model) {
  RowInputs inputs(model);
  if (!model.options().weights.embed_on_host) return inputs;
  const graph::Decoder& decoder = model.decoder();
  for (size_t op = 0; op < decoder.ops.size(); ++op) {
    const auto* embedding = std::get_if<graph::Embedding>(&decoder.ops[op]);
    if (embedding == nullptr) continue;
    IX_ASSIGN_OR_RETURN(
        SourceMatrix table,
        SourceMatrix::open(model.source(), embedding->weight, decoder.vocab_size,
                           decoder.values[static_cast<size_t>(embedding->out)].width));
    inputs.embeddings_.push_back({static_cast<int32_t>(op), std::move(table)});
  }
  return inputs;
}

Status RowInputs::write(const ProgramRows& rows, TensorTable& table) {
  Runtime& runtime = model_->runtime();
  IX_RETURN_IF_ERROR(write_values(runtime, table.find(InputKind::tokens), rows.tokens));
  IX_RETURN_IF_ERROR(write_values(runtime, table.find(InputKind::starts), rows.starts));
  IX_RETURN_IF_ERROR(write_slot(InputKind::slot, rows.slot, table));
  IX_RETURN_IF_ERROR(write_embeddings(rows, table));
  const RopeTables& rope = model_->rope();
  for (int32_t i = 0; i < static_cast<int32_t>(rope.tables.size()); ++i) {
    RankTensors* angles = table.find(InputKind::angles, i);
    if (angles == nullptr) continue;
    floats_.resize(2 * rows.positions.size() * static_cast<size_t>(rope.pairs(i)));
    fill_angles(rope.tables[static_cast<size_t>(i)], rows.positions, floats_);
    IX_RETURN_IF_ERROR(write_values(runtime, angles, std::span<const float>(floats_)));
  }
  return ok_status();
}

Status RowInputs::write_slot(InputKind kind, int32_t slot, TensorTable& table) {
  return write_values(model_->runtime(), table.find(kind), std::span<const int32_t>(&slot, 1));
}

Status RowInputs::write_embeddings(const ProgramRows& rows, TensorTable& table) {
  for (const HostEmbedding& embedding : embeddings_) {
    const auto width = static_cast<size_t>(embedding.table.cols());
    floats_.resize(rows.tokens.size() * width);
    for (size_t i = 0; i < rows.tokens.size(); ++i) {
      embedding.table.read(rows.tokens[i], 0, std::span(floats_).subspan(i * width, width));
    }
    IX_RETURN_IF_ERROR(write_values(model_->runtime(),
                                    table.find(InputKind::embeddings, embedding.op),
                                    std::span<const float>(floats_)));
  }
  return ok_status();
}

}  // namespace ix::backend::xla
