#include "backend/xla/xla_model.h"

namespace ix::backend::xla {

XlaModel::XlaModel(const graph::Decoder& decoder, const quant::WeightSource& source,
                   std::unique_ptr<Runtime> runtime, const XlaOptions& options)
    : decoder_(decoder), source_(source), options_(options), runtime_(std::move(runtime)) {}

Result<std::shared_ptr<XlaModel>> XlaModel::load(const graph::Decoder& decoder,
                                                 const quant::WeightSource& source,
                                                 std::unique_ptr<Runtime> runtime,
                                                 const XlaOptions& options) {
  std::shared_ptr<XlaModel> model(new XlaModel(decoder, source, std::move(runtime), options));
  IX_ASSIGN_OR_RETURN(model->plan_,
                      plan_model(decoder, source, model->runtime_->ranks(), options.weights));
  IX_RETURN_IF_ERROR(model->upload_weights());
  IX_RETURN_IF_ERROR(model->upload_first_tokens());
  model->options_.progress = nullptr;  // its context may end with the loading
  return model;
}

Status XlaModel::upload_weights() {
  tensors_.resize(static_cast<size_t>(plan().ranks));
  const int64_t total = weights().bytes() * plan().ranks;
  int64_t done = 0;
  for (size_t op = 0; op < decoder_.ops.size(); ++op) {
    for (int rank = 0; rank < plan().ranks; ++rank) {
      IX_RETURN_IF_ERROR(upload_op(op, rank));
      for (int32_t i = weights().first[op]; i < weights().first[op + 1]; ++i) {
        done += hlo::byte_size(weights().tensors[static_cast<size_t>(i)].shape);
      }
    }
    if (options_.progress != nullptr) options_.progress(options_.progress_context, done, total);
  }
  return ok_status();
}

Status XlaModel::upload_op(size_t op, int rank) {
  std::vector<std::unique_ptr<Upload>> uploads;
  std::vector<Upload*> pieces;
  for (int32_t i = weights().first[op]; i < weights().first[op + 1]; ++i) {
    const WeightTensor& tensor = weights().tensors[static_cast<size_t>(i)];
    IX_ASSIGN_OR_RETURN(auto upload, runtime_->upload(rank, tensor.shape, tensor.name));
    pieces.push_back(upload.get());
    uploads.push_back(std::move(upload));
  }
  if (pieces.empty()) return ok_status();
  IX_RETURN_IF_ERROR(stream_op(weights(), decoder_, plan(), rank, op, source_, pieces));
  for (const auto& upload : uploads) {
    IX_ASSIGN_OR_RETURN(auto tensor, upload->finish());
    tensors_[static_cast<size_t>(rank)].push_back(std::move(tensor));
  }
  return ok_status();
}

Status XlaModel::upload_first_tokens() {
  const int64_t columns = plan().layout(decoder_.logits).local_width;
  for (int rank = 0; rank < plan().ranks; ++rank) {
    const auto first = static_cast<float>(rank * columns);
    IX_ASSIGN_OR_RETURN(auto tensor,
                        runtime_->tensor(rank, {hlo::ElementType::f32, {1}}, "first token"));
    IX_RETURN_IF_ERROR(runtime_->write(*tensor, std::as_bytes(std::span(&first, 1))));
    first_tokens_.push_back(std::move(tensor));
  }
  return ok_status();
}

LoweringModel XlaModel::lowering(const CacheShape& cache) const {
  return plan_.lowering(decoder_, cache, options_.target);
}

Result<Program*> XlaModel::program(const hlo::Module& module, ProgramKind kind) {
  const auto known = programs_.find(module.bytes);
  if (known != programs_.end()) return known->second.get();
  IX_ASSIGN_OR_RETURN(auto loaded, runtime_->load(module, kind));
  return programs_.emplace(module.bytes, std::move(loaded)).first->second.get();
}

DeviceTensor* XlaModel::weight(int rank, int32_t index) const {
  return tensors_[static_cast<size_t>(rank)][static_cast<size_t>(index)].get();
}

DeviceTensor* XlaModel::first_token(int rank) const {
  return first_tokens_[static_cast<size_t>(rank)].get();
}

}  // namespace ix::backend::xla
