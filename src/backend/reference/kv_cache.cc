#include "backend/reference/kv_cache.h"

#include <cstring>

#include "backend/kv_geometry.h"

namespace ix::backend::reference {

Result<KvLayerCache> KvLayerCache::create(const graph::KvLayer& layer, const KvInfo& kv) {
  KvLayerCache cache;
  cache.kv_heads_ = layer.kv_heads;
  cache.head_dim_ = layer.head_dim;
  cache.value_head_dim_ = layer.value_head_dim;
  cache.tokens_per_block_ = kv.tokens_per_block;
  cache.block_floats_ = layer_bytes_per_token(layer, 1) * kv.tokens_per_block;
  const int64_t blocks = kv.groups[static_cast<size_t>(layer.group)].blocks;
  IX_ASSIGN_OR_RETURN(
      cache.memory_,
      PageBuffer::reserve(static_cast<uint64_t>(blocks * cache.block_floats_) * sizeof(float)));
  return cache;
}

void KvLayerCache::copy_block(BlockId from, BlockId to) {
  std::memmove(block_data(to), block_data(from),
               static_cast<size_t>(block_floats_) * sizeof(float));
}

}  // namespace ix::backend::reference
