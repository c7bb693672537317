// The loaded model: packed weights, float tensors, and the graph in the order that the CPU runs it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/cpu/cpu_executor.h"
#include "backend/cpu/kernels/isa.h"
#include "backend/cpu/linear.h"
#include "base/page_buffer.h"
#include "graph/decoder.h"

namespace ix::backend::cpu {

// Rows of an embedding: from the packed head where tied to it, else from the file.
class EmbeddingTable {
 public:
  explicit EmbeddingTable(const PackedMatrix* packed) : packed_(packed) {}
  explicit EmbeddingTable(const quant::TensorView& tensor) : tensor_(tensor) {}

  // out [width]
  void read(TokenId token, std::span<float> out) const;

 private:
  const PackedMatrix* packed_ = nullptr;
  quant::TensorView tensor_;
};

class CpuModel {
 public:
  const graph::Decoder& decoder() const { return decoder_; }
  Isa isa() const { return isa_; }
  // Weights of op `op`, one a part; only for linears.
  std::span<const LinearWeight> linear(size_t op) const { return linears_[op]; }
  // A norm's weight, a bias, rope factors.
  std::span<const float> floats(std::string_view name) const;
  const EmbeddingTable& embedding(std::string_view name) const;
  uint64_t weight_bytes() const { return packed_.size(); }
  Status lock() const { return packed_.lock(); }
  uint64_t memory_limit() const { return memory_limit_; }

 private:
  friend class ModelLoader;

  graph::Decoder decoder_;
  Isa isa_ = Isa::generic;
  uint64_t memory_limit_ = 0;                       // CpuOptions::memory_limit
  PageBuffer packed_;                               // all panels
  std::vector<std::vector<LinearWeight>> linears_;  // [ops]
  std::map<std::string, std::vector<float>, std::less<>> floats_;
  std::map<std::string, EmbeddingTable, std::less<>> embeddings_;
};

// The same graph with linears that read the same value next to each other, so that they share one
// quantised input and one pass over the threads.
graph::Decoder group_linears(const graph::Decoder& decoder);

}  // namespace ix::backend::cpu
