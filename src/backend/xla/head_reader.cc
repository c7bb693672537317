#include "backend/xla/head_reader.h"

#include <algorithm>

namespace ix::backend::xla {
namespace {

template <typename T>
Status read_tensor(Runtime& runtime, const DeviceTensor& tensor, std::vector<T>& out) {
  out.resize(static_cast<size_t>(hlo::element_count(tensor.shape())));
  return runtime.read(tensor, std::as_writable_bytes(std::span(out)));
}

bool any_wants(std::span<const ResultRow> rows, Want kind) {
  return std::any_of(rows.begin(), rows.end(),
                     [kind](const ResultRow& row) { return row.want.kind == kind; });
}

}  // namespace

Status HeadReader::read(const ResultTensors& tensors, std::span<const ResultRow> rows,
                        RowResults& results) {
  if (any_wants(rows, Want::argmax)) IX_RETURN_IF_ERROR(read_argmax(tensors, rows, results));
  if (any_wants(rows, Want::top_k)) IX_RETURN_IF_ERROR(read_top(tensors, rows, results));
  if (any_wants(rows, Want::logits)) IX_RETURN_IF_ERROR(read_logits(tensors, rows, results));
  return ok_status();
}

Status HeadReader::read_argmax(const ResultTensors& tensors, std::span<const ResultRow> rows,
                               RowResults& results) {
  IX_RETURN_IF_ERROR(read_tensor(model_.runtime(), *tensors.argmax.on(0), tokens_));
  for (const ResultRow& row : rows) {
    if (row.want.kind != Want::argmax) continue;
    results.set_argmax(row.result, tokens_[static_cast<size_t>(row.row)]);
  }
  return ok_status();
}

Status HeadReader::read_top(const ResultTensors& tensors, std::span<const ResultRow> rows,
                            RowResults& results) {
  Runtime& runtime = model_.runtime();
  IX_RETURN_IF_ERROR(read_tensor(runtime, *tensors.top_values.on(0), floats_));
  IX_RETURN_IF_ERROR(read_tensor(runtime, *tensors.top_tokens.on(0), tokens_));
  IX_RETURN_IF_ERROR(read_tensor(runtime, *tensors.logsumexp.on(0), logsumexp_));
  const auto k = static_cast<size_t>(tensors.top_values.on(0)->shape().dims[1]);
  for (const ResultRow& row : rows) {
    if (row.want.kind != Want::top_k) continue;
    const size_t first = static_cast<size_t>(row.row) * k;
    top_.clear();
    for (size_t i = first; i < first + k; ++i) top_.push_back({tokens_[i], floats_[i]});
    results.set_top(row.result, top_, logsumexp_[static_cast<size_t>(row.row)]);
  }
  return ok_status();
}

Status HeadReader::read_logits(const ResultTensors& tensors, std::span<const ResultRow> rows,
                               RowResults& results) {
  const auto vocab = static_cast<size_t>(model_.decoder().vocab_size);
  const size_t first = used_;
  for (const ResultRow& row : rows) {
    if (row.want.kind == Want::logits) kept_row().resize(vocab);
  }
  size_t begin = 0;  // of the rank's columns
  for (int rank = 0; rank < model_.plan().ranks && begin < vocab; ++rank) {
    const DeviceTensor& tensor = *tensors.logits.on(rank);
    IX_RETURN_IF_ERROR(read_tensor(model_.runtime(), tensor, floats_));
    const auto columns = static_cast<size_t>(tensor.shape().dims[1]);
    const size_t count = std::min(columns, vocab - begin);
    size_t kept = first;
    for (const ResultRow& row : rows) {
      if (row.want.kind != Want::logits) continue;
      std::copy_n(floats_.begin() + static_cast<ptrdiff_t>(static_cast<size_t>(row.row) * columns),
                  count, kept_[kept++].begin() + static_cast<ptrdiff_t>(begin));
    }
    begin += count;
  }
  size_t kept = first;
  for (const ResultRow& row : rows) {
    if (row.want.kind == Want::logits) results.set(row.result, kept_[kept++]);
  }
  return ok_status();
}

std::vector<float>& HeadReader::kept_row() {
  if (used_ == kept_.size()) kept_.emplace_back();
  return kept_[used_++];
}

}  // namespace ix::backend::xla
