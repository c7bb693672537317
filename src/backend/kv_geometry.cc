#include "backend/kv_geometry.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "backend/step_validation.h"
#include "base/checked_math.h"

namespace ix::backend {
namespace {

// Past this kv_tokens makes no sense and the products below could wrap.
constexpr int64_t kMaxKvTokens = int64_t{1} << 40;

Status check_options(const ExecutorOptions& options) {
  if (options.threads < 0) {
    return invalid_argument(fmt::format("threads is {}: 0 (choose) or more", options.threads));
  }
  if (options.max_rows < 1) {
    return invalid_argument(fmt::format("max_rows is {}: at least 1", options.max_rows));
  }
  if (options.max_sequences < 1) {
    return invalid_argument(fmt::format("max_sequences is {}: at least 1", options.max_sequences));
  }
  if (options.kv_tokens < 1 || options.kv_tokens > kMaxKvTokens) {
    return invalid_argument(
        fmt::format("kv_tokens is {}: 1 .. {}", options.kv_tokens, kMaxKvTokens));
  }
  return ok_status();
}

// Most blocks that `positions` consecutive positions can touch.
int64_t blocks_touched(int64_t positions) {
  return ceil_div(positions - 1, int64_t{kTokensPerBlock}) + 1;
}

Result<int32_t> group_blocks(int64_t window, const ExecutorOptions& options) {
  int64_t blocks =
      ceil_div(options.kv_tokens, int64_t{kTokensPerBlock}) + int64_t{options.max_sequences};
  if (window > 0 && window < options.kv_tokens) {
    // A step of n rows reads and writes window + n - 1 positions.
    blocks = std::min(blocks, blocks_touched(window + options.max_rows) * options.max_sequences);
  }
  if (blocks > std::numeric_limits<int32_t>::max()) {
    return resource_exhausted(
        fmt::format("a KV pool of {} tokens has {} blocks: at most {}; use a smaller context",
                    options.kv_tokens, blocks, std::numeric_limits<int32_t>::max()));
  }
  return static_cast<int32_t>(blocks);
}

}  // namespace

int64_t layer_bytes_per_token(const graph::KvLayer& layer, int64_t element_bytes) {
  return layer.kv_heads * (layer.head_dim + layer.value_head_dim) * element_bytes;
}

Result<KvInfo> paged_kv(const graph::Decoder& decoder, const ExecutorOptions& options,
                        int64_t element_bytes) {
  IX_RETURN_IF_ERROR(check_options(options));
  KvInfo info{.tokens_per_block = kTokensPerBlock,
              .groups = {},
              .can_share = true,
              .can_copy = true,
              .bytes_per_token = 0};
  for (const graph::KvGroup& group : decoder.kv_groups) {
    IX_ASSIGN_OR_RETURN(const int32_t blocks, group_blocks(group.window, options));
    info.groups.push_back({.window = group.window, .blocks = blocks});
  }
  int64_t total = 0;
  for (const graph::KvLayer& layer : decoder.kv_layers) {
    const int64_t bytes = layer_bytes_per_token(layer, element_bytes);
    const int64_t blocks = info.groups[static_cast<size_t>(layer.group)].blocks;
    info.bytes_per_token += bytes;
    const auto pool = checked_mul(bytes, blocks * kTokensPerBlock);
    const auto sum = pool ? checked_add(total, *pool) : std::nullopt;
    if (!sum) {
      return resource_exhausted(fmt::format(
          "the KV cache of {} tokens wraps 64 bits; use a smaller context", options.kv_tokens));
    }
    total = *sum;
  }
  return info;
}

Result<KvInfo> slot_kv(const graph::Decoder& decoder, const ExecutorOptions& options,
                       int64_t element_bytes) {
  IX_RETURN_IF_ERROR(check_options(options));
  const int64_t tokens = ceil_div(options.kv_tokens, int64_t{options.max_sequences});
  if (tokens > kMaxPositions) {
    return invalid_argument(fmt::format("a slot of {} tokens: at most {}", tokens, kMaxPositions));
  }
  KvInfo info{.tokens_per_block = static_cast<int32_t>(tokens),
              .groups = {},
              .can_share = false,
              .can_copy = true,
              .bytes_per_token = 0};
  for (const graph::KvGroup& group : decoder.kv_groups) {
    info.groups.push_back({.window = group.window, .blocks = options.max_sequences});
  }
  for (const graph::KvLayer& layer : decoder.kv_layers) {
    info.bytes_per_token += layer_bytes_per_token(layer, element_bytes);
  }
  return info;
}

int64_t pool_bytes(const graph::Decoder& decoder, const KvInfo& kv, int64_t element_bytes) {
  int64_t total = 0;
  for (const graph::KvLayer& layer : decoder.kv_layers) {
    total += layer_bytes_per_token(layer, element_bytes) * kv.tokens_per_block *
             kv.groups[static_cast<size_t>(layer.group)].blocks;
  }
  return total;
}

}  // namespace ix::backend
