// Keys and values of all layers in blocks of 16 tokens, in 16 bits a number.
//
// A block of a layer holds the keys of all KV heads (head_dim × 16 each) and then their values
// (16 × value_head_dim each), in the form of the attention kernels, so that what a task reads of
// neighbouring heads is one run. Memory is reserved at open and committed on first use.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/cpu/kernels/attention_kernels.h"
#include "backend/executor.h"
#include "base/page_buffer.h"
#include "graph/decoder.h"

namespace ix::backend::cpu {

class KvCache {
 public:
  static Result<KvCache> create(const graph::Decoder& decoder, const KvInfo& info);

  // head_dim × 16
  const uint16_t* keys(int32_t layer, BlockId block, int64_t head) const {
    const Layer& l = layers_[static_cast<size_t>(layer)];
    return l.data + block * l.block_size + head * l.head_dim * kBlockTokens;
  }
  // 16 × value_head_dim
  const uint16_t* values(int32_t layer, BlockId block, int64_t head) const {
    const Layer& l = layers_[static_cast<size_t>(layer)];
    return l.data + block * l.block_size +
           (l.kv_heads * l.head_dim + head * l.value_head_dim) * kBlockTokens;
  }

  // Writes one token's key [kv_heads, head_dim] and value [kv_heads, value_head_dim] at `offset`
  // (0 .. 15) of a block. Threads may store tokens of a block at once.
  void store(const AttentionKernels& kernels, int32_t layer, BlockId block, int32_t offset,
             const float* key, const float* value);

  // Copies whole blocks of all layers of a group.
  void copy(int32_t group, std::span<const BlockId> from, std::span<const BlockId> to);

 private:
  struct Layer {
    uint16_t* data;
    int64_t block_size;  // elements
    int64_t kv_heads;
    int64_t head_dim;
    int64_t value_head_dim;
    int32_t group;
  };

  PageBuffer memory_;
  std::vector<Layer> layers_;
};

}  // namespace ix::backend::cpu
