// The attention kernels with keys and values in halves, over a lanes header, which must be included
// before, with vector_body.h.
//
// Keys of a block lie [head_dim][16 tokens], so that the scores of 16 tokens are one vector and no
// sum runs across lanes; values lie [16 tokens][width]. The order of every sum is fixed: a score is
// kScorePartials interleaved sums over the head's columns, an output adds tokens in ascending
// order. It does not depend on the queries that happen to share a pass.
#pragma once

#include <stdint.h>
#include <string.h>

#include "backend/cpu/kernels/attention_kernels.h"
#include "backend/cpu/kernels/attention_softmax_body.h"

namespace {

constexpr int kTokens = ix::backend::cpu::kBlockTokens;
constexpr int kTokenVectors = kTokens / kLanes;  // vectors in a block's row of keys

void store_key(const float* key, int64_t head_dim, int64_t offset, uint16_t* keys) {
  uint16_t halves[kLanes];
  for (int64_t d = 0; d < head_dim; d += kLanes) {
    const int64_t n = head_dim - d < kLanes ? head_dim - d : kLanes;
    store_half(halves, load_part(key + d, n));
    for (int64_t i = 0; i < n; ++i) keys[(d + i) * kTokens + offset] = halves[i];
  }
}

void store_value(const float* value, int64_t width, int64_t offset, uint16_t* values) {
  uint16_t* row = values + offset * width;
  int64_t c = 0;
  for (; c + kLanes <= width; c += kLanes) store_half(row + c, load(value + c));
  if (c == width) return;
  uint16_t halves[kLanes];
  store_half(halves, load_part(value + c, width - c));
  memcpy(row + c, halves, static_cast<size_t>(width - c) * sizeof(uint16_t));
}

void prepare_query(const float* query, int64_t head_dim, float* out) {
  memcpy(out, query, static_cast<size_t>(head_dim) * sizeof(float));
}

void prepare_weights(float* /*weights*/, int /*first*/, int /*end*/) {}

// Fetches the cache lines of `count` numbers.
inline void fetch(const uint16_t* p, int64_t count) {
  for (int64_t i = 0; i < count; i += 32) __builtin_prefetch(p + i);
}

// A number of queries as a type.
template <int Q>
struct Queries {
  static constexpr int kQueries = Q;
};

// Scores of Q queries for one block; where kAhead, the keys at `next` are fetched meanwhile.
template <int Q, bool kAhead>
inline void score_block(const float* queries, int64_t query_stride, const uint16_t* keys,
                        const uint16_t* next, int64_t head_dim, float scale, float* scores,
                        int64_t score_stride) {
  Vec sum[Q][kScorePartials][kTokenVectors];
  for (int q = 0; q < Q; ++q) {
    for (int p = 0; p < kScorePartials; ++p) {
      for (int t = 0; t < kTokenVectors; ++t) sum[q][p][t] = set1(0.0F);
    }
  }
  const auto step = [&](int64_t d, int p) __attribute__((always_inline)) {
    for (int t = 0; t < kTokenVectors; ++t) {
      const Vec key = load_half(keys + d * kTokens + t * kLanes);
      for (int q = 0; q < Q; ++q) {
        sum[q][p][t] = fma(set1(queries[q * query_stride + d]), key, sum[q][p][t]);
      }
    }
  };
  int64_t d = 0;
  for (; d + kScorePartials <= head_dim; d += kScorePartials) {
    if (kAhead) fetch(next + d * kTokens, kScorePartials * kTokens);
    for (int p = 0; p < kScorePartials; ++p) step(d + p, p);
  }
  for (; d < head_dim; ++d) step(d, 0);
  const Vec factor = set1(scale);
  for (int q = 0; q < Q; ++q) {
    for (int t = 0; t < kTokenVectors; ++t) {
      Vec total = sum[q][0][t];
      for (int p = 1; p < kScorePartials; ++p) total = add(total, sum[q][p][t]);
      store(scores + q * score_stride + t * kLanes, mul(total, factor));
    }
  }
}

void attention_scores(const float* queries, int64_t query_stride, int count,
                      const uint16_t* const* keys, int blocks, int64_t head_dim, float scale,
                      float* scores, int64_t score_stride) {
  for (int b = 0; b < blocks; ++b) {
    const uint16_t* next = keys[b + 1 < blocks ? b + 1 : b];
    float* out = scores + b * kTokens;
    int q = 0;
    const auto take = [&](auto tile) __attribute__((always_inline)) {
      if (q == 0) {
        score_block<tile.kQueries, true>(queries, query_stride, keys[b], next, head_dim, scale, out,
                                         score_stride);
      } else {
        score_block<tile.kQueries, false>(queries + q * query_stride, query_stride, keys[b], next,
                                          head_dim, scale, out + q * score_stride, score_stride);
      }
      q += tile.kQueries;
    };
    while (q + kScoreQueries <= count) take(Queries<kScoreQueries>());
    if (kScoreQueries > 4 && q + 4 <= count) take(Queries<4>());
    if (kScoreQueries > 2 && q + 2 <= count) take(Queries<2>());
    while (q < count) take(Queries<1>());
  }
}

// Adds `count` tokens of a block to D vectors of Q queries' outputs: weights, values and next point
// to the first token, out to the columns; values are of the block, next of what is fetched
// meanwhile.
template <int Q, int D, bool kAhead>
inline void add_values(const float* weights, int64_t weight_stride, int count,
                       const uint16_t* values, const uint16_t* next, int64_t width, float* out,
                       int64_t out_stride) {
  Vec sum[Q][D];
  for (int q = 0; q < Q; ++q) {
    for (int d = 0; d < D; ++d) sum[q][d] = load(out + q * out_stride + d * kLanes);
  }
  for (int t = 0; t < count; ++t) {
    if (kAhead) fetch(next + t * width, D * kLanes);
    Vec value[D];
    for (int d = 0; d < D; ++d) value[d] = load_half(values + t * width + d * kLanes);
    for (int q = 0; q < Q; ++q) {
      const Vec weight = set1(weights[q * weight_stride + t]);
      for (int d = 0; d < D; ++d) sum[q][d] = fma(weight, value[d], sum[q][d]);
    }
  }
  for (int q = 0; q < Q; ++q) {
    for (int d = 0; d < D; ++d) store(out + q * out_stride + d * kLanes, sum[q][d]);
  }
}

// The same over all columns.
template <int Q>
inline void add_block_values(const float* weights, int64_t weight_stride, int count,
                             const uint16_t* values, const uint16_t* next, int64_t width,
                             float* out, int64_t out_stride) {
  constexpr int kVectors = 4 * Q <= kValueSums ? 4 : 2;
  int64_t c = 0;
  for (; c + kVectors * kLanes <= width; c += kVectors * kLanes) {
    add_values<Q, kVectors, true>(weights, weight_stride, count, values + c, next + c, width,
                                  out + c, out_stride);
  }
  for (; c + kLanes <= width; c += kLanes) {
    add_values<Q, 1, false>(weights, weight_stride, count, values + c, next + c, width, out + c,
                            out_stride);
  }
  for (; c < width; ++c) {
    for (int q = 0; q < Q; ++q) {
      for (int t = 0; t < count; ++t) {
        uint16_t half[kLanes] = {values[t * width + c]};
        float value[kLanes];
        store(value, fma(set1(weights[q * weight_stride + t]), load_half(half),
                         set1(out[q * out_stride + c])));
        out[q * out_stride + c] = value[0];
      }
    }
  }
}

// Adds tokens [first, end), block by block.
template <int Q>
inline void add_token_values(const float* weights, int64_t weight_stride, int first, int end,
                             const uint16_t* const* values, int64_t width, float* out,
                             int64_t out_stride) {
  for (int t = first; t < end;) {
    const int block = t / kTokens;
    const int offset = t % kTokens;
    const int count = end - t < kTokens - offset ? end - t : kTokens - offset;
    const uint16_t* next = values[t + count < end ? block + 1 : block];
    add_block_values<Q>(weights + t, weight_stride, count, values[block] + offset * width,
                        next + offset * width, width, out, out_stride);
    t += count;
  }
}

// Q queries: the tokens that all see go together; what comes before or after for some goes alone.
// Each query still adds its tokens in ascending order.
template <int Q>
inline void add_visible_values(const float* weights, int64_t weight_stride, const int32_t* first,
                               const int32_t* end, const uint16_t* const* values, int64_t width,
                               float* out, int64_t out_stride) {
  int common_first = first[0];
  int common_end = end[0];
  for (int q = 1; q < Q; ++q) {
    common_first = first[q] > common_first ? first[q] : common_first;
    common_end = end[q] < common_end ? end[q] : common_end;
  }
  if (common_first >= common_end) common_first = common_end = INT32_MAX;
  for (int q = 0; q < Q; ++q) {
    const int until = end[q] < common_first ? end[q] : common_first;
    add_token_values<1>(weights + q * weight_stride, weight_stride, first[q], until, values, width,
                        out + q * out_stride, out_stride);
  }
  add_token_values<Q>(weights, weight_stride, common_first, common_end, values, width, out,
                      out_stride);
  for (int q = 0; q < Q; ++q) {
    add_token_values<1>(weights + q * weight_stride, weight_stride, common_end, end[q], values,
                        width, out + q * out_stride, out_stride);
  }
}

void attention_values(const float* weights, int64_t weight_stride, int count, const int32_t* first,
                      const int32_t* end, const uint16_t* const* values, int64_t width, float* out,
                      int64_t out_stride) {
  int q = 0;
  const auto take = [&](auto tile) __attribute__((always_inline)) {
    add_visible_values<tile.kQueries>(weights + q * weight_stride, weight_stride, first + q,
                                      end + q, values, width, out + q * out_stride, out_stride);
    q += tile.kQueries;
  };
  while (q + kValueQueries <= count) take(Queries<kValueQueries>());
  if (kValueQueries > 4 && q + 4 <= count) take(Queries<4>());
  if (kValueQueries > 2 && q + 2 <= count) take(Queries<2>());
  while (q < count) take(Queries<1>());
}

constexpr ix::backend::cpu::AttentionKernels kAttentionKernels = {
    ix::backend::cpu::KvForm::halves,
    true,
    store_key,
    store_value,
    prepare_query,
    attention_scores,
    attention_softmax,
    prepare_weights,
    attention_values,
};

}  // namespace
