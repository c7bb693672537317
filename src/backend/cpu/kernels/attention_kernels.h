// The table of attention kernels, and how keys and values lie in the cache.
//
// A block of the cache holds kBlockTokens tokens of a KV head, in 16 bits a number: head_dim ×
// kBlockTokens of keys and kBlockTokens × width of values. Their order and whether they are IEEE
// halves or bfloat16 are a set's own; its kernels alone write and read them. C types only: the ISA
// files include this header.
#pragma once

#include <stdint.h>

namespace ix::backend::cpu {

// Tokens of a KV block.
constexpr int kBlockTokens = 16;
// Tokens of a chunk: what a call of the kernels below takes at most.
constexpr int kChunkTokens = 256;

enum class KvForm {
  halves,         // IEEE halves: keys [head_dim][token], values [token][width]
  bfloat16_pairs  // bfloat16: keys [pair of columns][token][2] (an odd column alone [token]),
                  // values [pair of tokens][width][2]
};

struct AttentionKernels {
  KvForm form;
  // While a block is multiplied, scores() and values() fetch the next one of the same call.
  bool fetches_ahead;

  // A token's key [head_dim] and value [width] to place `offset` (0 … kBlockTokens - 1) of a block,
  // rounded to nearest even. Nothing of other tokens is touched, so threads may store tokens of a
  // block at once.
  void (*store_key)(const float* key, int64_t head_dim, int64_t offset, uint16_t* keys);
  void (*store_value)(const float* value, int64_t width, int64_t offset, uint16_t* values);

  // A query [head_dim] as scores() takes it, in at most as many bytes.
  void (*prepare_query)(const float* query, int64_t head_dim, float* out);

  // scores[q][t] = scale * (query q . key of token t) for all tokens of `blocks` KV blocks.
  //   queries [count], prepared, query_stride floats apart; keys[b], one for each block;
  //   scores [count, score_stride], score_stride >= blocks * kBlockTokens.
  void (*scores)(const float* queries, int64_t query_stride, int count, const uint16_t* const* keys,
                 int blocks, int64_t head_dim, float scale, float* scores, int64_t score_stride);

  // The softmax of scores[first, end) in place, not divided by its sum: scores[t] becomes
  // exp(scores[t] - *max). Returns the sum. end > first.
  float (*softmax)(float* scores, int first, int end, float* max);

  // Weights [first, end) of a chunk, in place, as values() takes them. Anything before end may be
  // written over.
  void (*prepare_weights)(float* weights, int first, int end);

  // out[q] += sum over t in [first[q], end[q]) of weights[q][t] * value of token t, t ascending.
  //   weights [count, weight_stride], prepared; end[q] <= kChunkTokens, and first[q] >= end[q],
  //   whatever they are, where a query sees nothing; values[b], one for each block that a query
  //   sees a token of; out [count, out_stride], `width` of each.
  void (*values)(const float* weights, int64_t weight_stride, int count, const int32_t* first,
                 const int32_t* end, const uint16_t* const* values, int64_t width, float* out,
                 int64_t out_stride);
};

}  // namespace ix::backend::cpu
