#include "backend/cpu/kv_cache.h"

#include <cstring>

#include "backend/kv_geometry.h"

namespace ix::backend::cpu {

static_assert(kBlockTokens == kTokensPerBlock);

Result<KvCache> KvCache::create(const graph::Decoder& decoder, const KvInfo& info) {
  KvCache cache;
  IX_ASSIGN_OR_RETURN(
      cache.memory_,
      PageBuffer::reserve(static_cast<uint64_t>(pool_bytes(decoder, info, sizeof(uint16_t)))));
  auto* next = reinterpret_cast<uint16_t*>(cache.memory_.data());
  for (const graph::KvLayer& layer : decoder.kv_layers) {
    const int64_t block_size =
        kBlockTokens * layer.kv_heads * (layer.head_dim + layer.value_head_dim);
    cache.layers_.push_back({.data = next,
                             .block_size = block_size,
                             .kv_heads = layer.kv_heads,
                             .head_dim = layer.head_dim,
                             .value_head_dim = layer.value_head_dim,
                             .group = layer.group});
    next += block_size * info.groups[static_cast<size_t>(layer.group)].blocks;
  }
  return cache;
}

void KvCache::store(const AttentionKernels& kernels, int32_t layer, BlockId block, int32_t offset,
                    const float* key, const float* value) {
  const Layer& l = layers_[static_cast<size_t>(layer)];
  uint16_t* keys = l.data + block * l.block_size;
  uint16_t* values = keys + l.kv_heads * l.head_dim * kBlockTokens;
  for (int64_t h = 0; h < l.kv_heads; ++h) {
    kernels.store_key(key + h * l.head_dim, l.head_dim, offset, keys);
    kernels.store_value(value + h * l.value_head_dim, l.value_head_dim, offset, values);
    keys += l.head_dim * kBlockTokens;
    values += l.value_head_dim * kBlockTokens;
  }
}

void KvCache::copy(int32_t group, std::span<const BlockId> from, std::span<const BlockId> to) {
  for (const Layer& l : layers_) {
    if (l.group != group) continue;
    for (size_t i = 0; i < from.size(); ++i) {
      std::memmove(l.data + to[i] * l.block_size, l.data + from[i] * l.block_size,
                   static_cast<size_t>(l.block_size) * sizeof(uint16_t));
    }
  }
}

}  // namespace ix::backend::cpu
