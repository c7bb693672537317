// Keys and values in float32, in blocks.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/executor.h"
#include "base/page_buffer.h"
#include "graph/decoder.h"

namespace ix::backend::reference {

// One layer's pool. A block holds keys [kv_heads, tokens_per_block, head_dim], then values
// [kv_heads, tokens_per_block, value_head_dim].
class KvLayerCache {
 public:
  static Result<KvLayerCache> create(const graph::KvLayer& layer, const KvInfo& kv);

  // Rows of one head of a block: [tokens_per_block, head_dim] and [.., value_head_dim].
  float* keys(BlockId block, int64_t head) const {
    return block_data(block) + head * tokens_per_block_ * head_dim_;
  }
  float* values(BlockId block, int64_t head) const {
    return block_data(block) + kv_heads_ * tokens_per_block_ * head_dim_ +
           head * tokens_per_block_ * value_head_dim_;
  }

  void copy_block(BlockId from, BlockId to);

 private:
  float* block_data(BlockId block) const {
    return reinterpret_cast<float*>(memory_.data()) + block * block_floats_;
  }

  PageBuffer memory_;
  int64_t kv_heads_ = 0;
  int64_t head_dim_ = 0;
  int64_t value_head_dim_ = 0;
  int64_t tokens_per_block_ = 0;
  int64_t block_floats_ = 0;
};

}  // namespace ix::backend::reference
