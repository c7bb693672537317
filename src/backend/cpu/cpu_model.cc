#include "backend/cpu/cpu_model.h"

#include <algorithm>

#include "quant/dequantize.h"

namespace ix::backend::cpu {

void EmbeddingTable::read(TokenId token, std::span<float> out) const {
  if (packed_ != nullptr) {
    packed_->dequantize_row(token, out);
    return;
  }
  const size_t row_bytes = tensor_.bytes.size() / static_cast<size_t>(tensor_.rows());
  // load_model() has tried this type and width, and tokens are checked at submit.
  IX_CHECK(quant::dequantize_row(
               tensor_.type,
               tensor_.bytes.subspan(static_cast<size_t>(token) * row_bytes, row_bytes), out)
               .ok());
}

std::span<const float> CpuModel::floats(std::string_view name) const {
  const auto it = floats_.find(name);
  IX_CHECK(it != floats_.end());
  return it->second;
}

const EmbeddingTable& CpuModel::embedding(std::string_view name) const {
  const auto it = embeddings_.find(name);
  IX_CHECK(it != embeddings_.end());
  return it->second;
}

Status lock_weights(const CpuModel& model) { return model.lock(); }

graph::Decoder group_linears(const graph::Decoder& decoder) {
  graph::Decoder grouped = decoder;
  const auto head = static_cast<size_t>(decoder.head_op);
  for (size_t i = 0; i < head; ++i) {
    const auto* first = std::get_if<graph::Linear>(&grouped.ops[i]);
    if (first == nullptr) continue;
    const graph::ValueId in = first->in;
    // Moving a linear up is safe: its input exists at i, and nothing before it reads its outputs.
    for (size_t j = i + 1; j < head; ++j) {
      const auto* other = std::get_if<graph::Linear>(&grouped.ops[j]);
      if (other == nullptr || other->in != in) continue;
      ++i;
      const auto begin = grouped.ops.begin();
      std::rotate(begin + static_cast<std::ptrdiff_t>(i), begin + static_cast<std::ptrdiff_t>(j),
                  begin + static_cast<std::ptrdiff_t>(j) + 1);
    }
  }
  return grouped;
}

}  // namespace ix::backend::cpu
