// How many KV blocks each group gets, from the options of an executor.
#pragma once

#include <cstdint>

#include "backend/executor.h"
#include "graph/decoder.h"

namespace ix::backend {

// Tokens of a block on backends with paged KV.
inline constexpr int32_t kTokensPerBlock = 16;

// The paged KV cache for a decoder: blocks are shared and copied freely.
//   full groups: kv_tokens in blocks, and one part-filled block more for each sequence;
//   windowed groups: for each sequence the blocks that its window and a step of max_rows can touch,
//   but never more than a full group has.
// element_bytes: bytes of one stored key or value element. invalid_argument for options below 1,
// resource_exhausted when a pool has more blocks than a BlockId counts or bytes wrap.
Result<KvInfo> paged_kv(const graph::Decoder& decoder, const ExecutorOptions& options,
                        int64_t element_bytes);

// The static KV cache for a decoder: a block is a slot that holds a whole sequence. max_sequences
// slots of kv_tokens / max_sequences tokens, rounded up; slots are copied, not
// shared. Errors as above.
Result<KvInfo> slot_kv(const graph::Decoder& decoder, const ExecutorOptions& options,
                       int64_t element_bytes);

// Bytes that one token takes in one layer's cache.
int64_t layer_bytes_per_token(const graph::KvLayer& layer, int64_t element_bytes);

// Bytes of all pools when every block is used: for admission.
int64_t pool_bytes(const graph::Decoder& decoder, const KvInfo& kv, int64_t element_bytes);

}  // namespace ix::backend
