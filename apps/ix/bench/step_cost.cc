#include "bench/step_cost.h"

#include <algorithm>
#include <string>
#include <variant>

namespace ix::cli {

StepCost& StepCost::operator+=(const StepCost& other) {
  weight_bytes += other.weight_bytes;
  kv_bytes += other.kv_bytes;
  linear_ops += other.linear_ops;
  attention_ops += other.attention_ops;
  return *this;
}

Result<CostModel> CostModel::create(const graph::Decoder& decoder,
                                    const quant::WeightSource& weights, const backend::KvInfo& kv) {
  CostModel cost;
  int64_t kv_elements = 0;  // of a token
  for (const graph::KvLayer& layer : decoder.kv_layers) {
    kv_elements += layer.kv_heads * (layer.head_dim + layer.value_head_dim);
  }
  const auto bytes_of = [&](const std::string& name) -> Result<int64_t> {
    if (name.empty()) return 0;
    IX_ASSIGN_OR_RETURN(const quant::TensorView tensor, weights.find(name));
    return static_cast<int64_t>(tensor.bytes.size());
  };
  for (size_t i = 0; i < decoder.ops.size(); ++i) {
    const bool head = static_cast<int64_t>(i) >= decoder.head_op;
    int64_t& bytes = head ? cost.head_bytes_ : cost.body_bytes_;
    const graph::Op& op = decoder.ops[i];
    if (const auto* embedding = std::get_if<graph::Embedding>(&op)) {
      IX_ASSIGN_OR_RETURN(const quant::TensorView tensor, weights.find(embedding->weight));
      cost.embedding_row_bytes_ += static_cast<int64_t>(tensor.bytes.size()) / tensor.rows();
    } else if (const auto* norm = std::get_if<graph::RmsNorm>(&op)) {
      IX_ASSIGN_OR_RETURN(const int64_t weight, bytes_of(norm->weight));
      bytes += weight;
    } else if (const auto* linear = std::get_if<graph::Linear>(&op)) {
      IX_ASSIGN_OR_RETURN(const int64_t weight, bytes_of(linear->weight));
      IX_ASSIGN_OR_RETURN(const int64_t bias, bytes_of(linear->bias));
      bytes += weight + bias;
      int64_t width = 0;
      for (const graph::LinearPart& part : linear->parts) width += part.width;
      (head ? cost.head_weights_ : cost.body_weights_) += width * linear->in_width;
    } else if (const auto* attention = std::get_if<graph::Attention>(&op)) {
      const int64_t dims = attention->head_dim + attention->value_head_dim;
      cost.attentions_.push_back({
          .window = attention->window,
          .kv_bytes = attention->kv_heads * dims * kv.bytes_per_token / kv_elements,
          .ops = 2 * attention->heads * dims,
      });
    }
  }
  return cost;
}

StepCost CostModel::step(int64_t start, int64_t rows, int64_t sequences, bool wants) const {
  StepCost out;
  out.weight_bytes = body_bytes_ + embedding_row_bytes_ * rows * sequences;
  out.linear_ops = 2 * body_weights_ * rows * sequences;
  if (wants) {
    out.weight_bytes += head_bytes_;
    out.linear_ops += 2 * head_weights_ * sequences;
  }
  for (const AttentionCost& attention : attentions_) {
    const int64_t window = attention.window > 0 ? attention.window : start + rows;
    const int64_t seen_by_any = start + rows - std::max<int64_t>(0, start + 1 - window);
    int64_t seen = 0;  // summed over rows
    for (int64_t row = 0; row < rows; ++row) seen += std::min(start + row + 1, window);
    out.kv_bytes += attention.kv_bytes * seen_by_any * sequences;
    out.attention_ops += attention.ops * seen * sequences;
  }
  return out;
}

}  // namespace ix::cli
