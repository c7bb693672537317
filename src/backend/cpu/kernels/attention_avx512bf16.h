// The attention kernels with keys and values in bfloat16 pairs, for AVX-512 with BF16.
//
// vdpbf16ps adds the products of a pair: of two columns in a score, of two tokens in a sum of
// values. Queries and weights are rounded to bfloat16 too. A pair of tokens of which a query sees
// one has the other's value masked, so that whatever lies there does not reach it. Every sum runs
// in ascending order of pairs, whichever queries share a pass.
//
// Nothing is fetched ahead: on Zen 4 no distance was faster than the CPU's own prefetchers on runs
// of several heads.
//
// Included by vector_avx512bf16.cc, so all of it is of internal linkage.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "backend/cpu/kernels/attention_kernels.h"
#include "backend/cpu/kernels/attention_softmax_body.h"

namespace {

constexpr int kTokens = ix::backend::cpu::kBlockTokens;
constexpr int kPairsOfBlock = kTokens / 2;
constexpr int kPairsOfChunk = ix::backend::cpu::kChunkTokens / 2;

// 16 floats to bfloat16, each in the lower half of a dword.
inline __m512i to_bfloats(Vec x) { return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(x)); }

inline __m512 from_bfloats(const uint16_t* p) {
  const __m256i bits = _mm256_loadu_si256((const __m256i*)p);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

// Pairs of n (at most 32) floats to dwords of two bfloat16, the first in the lower half.
inline __m512i to_pairs(const float* p, int64_t n) {
  const Vec low = load_part(p, n < kLanes ? n : kLanes);
  const Vec high = n > kLanes ? load_part(p + kLanes, n - kLanes) : set1(0.0F);
  return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

inline Vec dot_pairs(Vec sum, __m512i a, __m512i b) {
  return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}

void store_key(const float* key, int64_t head_dim, int64_t offset, uint16_t* keys) {
  uint32_t pairs[kLanes];
  for (int64_t d = 0; d < head_dim; d += 2 * kLanes) {
    const int64_t n = head_dim - d < 2 * kLanes ? head_dim - d : 2 * kLanes;
    _mm512_storeu_si512(pairs, to_pairs(key + d, n));
    int64_t i = 0;
    for (; i + 1 < n; i += 2) {
      __builtin_memcpy(keys + (d + i) * kTokens + 2 * offset, pairs + i / 2, sizeof(pairs[0]));
    }
    if (i < n) keys[(d + i) * kTokens + offset] = (uint16_t)pairs[i / 2];
  }
}

void store_value(const float* value, int64_t width, int64_t offset, uint16_t* values) {
  uint16_t* row = values + offset / 2 * 2 * width;
  const bool upper = offset % 2 != 0;
  // Halves of dwords, so that the other token's are not touched.
  const __mmask32 halves = upper ? 0xaaaaaaaaU : 0x55555555U;
  for (int64_t c = 0; c < width; c += kLanes) {
    const int64_t n = width - c < kLanes ? width - c : kLanes;
    const __m512i low = to_bfloats(load_part(value + c, n));
    const __mmask32 mask = halves & (__mmask32)((UINT64_C(1) << (2 * n)) - 1);
    _mm512_mask_storeu_epi16(row + 2 * c, mask, upper ? _mm512_slli_epi32(low, 16) : low);
  }
}

// Pairs of columns, and an odd one alone.
void prepare_query(const float* query, int64_t head_dim, float* out) {
  auto* pairs = (uint8_t*)out;
  for (int64_t d = 0; d < head_dim; d += 2 * kLanes) {
    const int64_t n = head_dim - d < 2 * kLanes ? head_dim - d : 2 * kLanes;
    _mm512_mask_storeu_epi32(pairs + 2 * d, part_mask((n + 1) / 2), to_pairs(query + d, n));
  }
}

// Pair t / 2 of tokens to dword t / 2 of the row, a token before `first` as zero. Once for a chunk:
// with weights that were packed just before a block was added, values in memory were read at 9 GB/s
// a core instead of 11 (Zen 4).
void prepare_weights(float* weights, int first, int end) {
  if (first >= end) return;
  for (int t = first / 2 * 2; t < end; t += 2 * kLanes) {
    const int left = end - t < 2 * kLanes ? end - t : 2 * kLanes;
    const __mmask16 lanes = part_mask((left + 1) / 2);
    const __mmask32 seen = t < first ? 0xfffffffeU : 0xffffffffU;
    const __m512i pairs = _mm512_maskz_mov_epi16(seen, to_pairs(weights + t, left));
    _mm512_mask_storeu_epi32(weights + t / 2, lanes, pairs);
  }
}

inline __m512i broadcast_pair(const void* p) {
  int32_t pair;
  __builtin_memcpy(&pair, p, sizeof(pair));
  return _mm512_set1_epi32(pair);
}

// Scores of Q queries for one block.
template <int Q>
inline void score_block(const float* queries, int64_t query_stride, const uint16_t* keys,
                        int64_t head_dim, float scale, float* scores, int64_t score_stride) {
  constexpr int kPartials = 2;
  Vec sum[Q][kPartials];
  for (int q = 0; q < Q; ++q) {
    for (int p = 0; p < kPartials; ++p) sum[q][p] = set1(0.0F);
  }
  const auto step = [&](int64_t pair, int p) __attribute__((always_inline)) {
    const __m512i key = _mm512_loadu_si512(keys + pair * 2 * kTokens);
    for (int q = 0; q < Q; ++q) {
      sum[q][p] = dot_pairs(sum[q][p], key, broadcast_pair(queries + q * query_stride + pair));
    }
  };
  const int64_t pairs = head_dim / 2;
  int64_t pair = 0;
  for (; pair + kPartials <= pairs; pair += kPartials) {
    for (int p = 0; p < kPartials; ++p) step(pair + p, p);
  }
  if (pair < pairs) step(pair, 0);
  if (head_dim % 2 != 0) {
    const Vec key = from_bfloats(keys + pairs * 2 * kTokens);
    for (int q = 0; q < Q; ++q) {
      const __m512i last =
          _mm512_slli_epi32(broadcast_pair(queries + q * query_stride + pairs), 16);
      sum[q][0] = fma(_mm512_castsi512_ps(last), key, sum[q][0]);
    }
  }
  const Vec factor = set1(scale);
  for (int q = 0; q < Q; ++q) {
    store(scores + q * score_stride, mul(add(sum[q][0], sum[q][1]), factor));
  }
}

void attention_scores(const float* queries, int64_t query_stride, int count,
                      const uint16_t* const* keys, int blocks, int64_t head_dim, float scale,
                      float* scores, int64_t score_stride) {
  for (int b = 0; b < blocks; ++b) {
    float* out = scores + b * kTokens;
    int q = 0;
    for (; q + 8 <= count; q += 8) {
      score_block<8>(queries + q * query_stride, query_stride, keys[b], head_dim, scale,
                     out + q * score_stride, score_stride);
    }
    if (q + 4 <= count) {
      score_block<4>(queries + q * query_stride, query_stride, keys[b], head_dim, scale,
                     out + q * score_stride, score_stride);
      q += 4;
    }
    for (; q < count; ++q) {
      score_block<1>(queries + q * query_stride, query_stride, keys[b], head_dim, scale,
                     out + q * score_stride, score_stride);
    }
  }
}

// The values of a chunk: pair p of tokens at column c.
struct ValuePairs {
  const uint16_t* const* blocks;
  int64_t width;
  const uint16_t* at(int64_t pair, int64_t column) const {
    return blocks[pair / kPairsOfBlock] + (pair % kPairsOfBlock * width + column) * 2;
  }
};

// Outputs of some queries, and their weights in pairs of tokens.
struct ValueSums {
  const float* weights;
  int64_t weight_stride;
  float* out;
  int64_t out_stride;

  ValueSums of(int q) const {
    return {weights + q * weight_stride, weight_stride, out + q * out_stride, out_stride};
  }
};

// What of each dword of values counts.
constexpr __mmask32 kBothTokens = 0xffffffffU;
constexpr __mmask32 kFirstToken = 0x55555555U;
constexpr __mmask32 kSecondToken = 0xaaaaaaaaU;

// Adds pairs [first, end) to D vectors of Q outputs; where D is 1, to its first `lanes` lanes.
// A block's rows are one run of code: with a loop over pairs a core read values in memory at 15
// GB/s instead of 17 to 20 (Zen 4).
template <int Q, int D, __mmask32 kSeen>
inline void add_vectors(const ValuePairs& values, const ValueSums& sums, int64_t first, int64_t end,
                        int64_t column, int64_t lanes) {
  const __mmask16 seen_lanes = D > 1 ? part_mask(kLanes) : part_mask(lanes);
  float* out = sums.out + column;
  Vec sum[Q][D];
  for (int q = 0; q < Q; ++q) {
    for (int d = 0; d < D; ++d) {
      const float* p = out + q * sums.out_stride + d * kLanes;
      sum[q][d] = D > 1 ? load(p) : _mm512_maskz_loadu_ps(seen_lanes, p);
    }
  }
  const auto add_pair = [&](const uint16_t* row, int64_t pair) __attribute__((always_inline)) {
    __m512i value[D];
    for (int d = 0; d < D; ++d) {
      const uint16_t* p = row + d * 2 * kLanes;
      value[d] = D > 1 ? _mm512_loadu_si512(p) : _mm512_maskz_loadu_epi32(seen_lanes, p);
      if constexpr (kSeen != kBothTokens) value[d] = _mm512_maskz_mov_epi16(kSeen, value[d]);
    }
    for (int q = 0; q < Q; ++q) {
      const __m512i weight = broadcast_pair(sums.weights + q * sums.weight_stride + pair);
      for (int d = 0; d < D; ++d) sum[q][d] = dot_pairs(sum[q][d], value[d], weight);
    }
  };
  for (int64_t pair = first; pair < end;) {
    const uint16_t* row = values.at(pair, column);
    if (pair % kPairsOfBlock == 0 && pair + kPairsOfBlock <= end) {
#pragma GCC unroll 8
      for (int i = 0; i < kPairsOfBlock; ++i) add_pair(row + i * 2 * values.width, pair + i);
      pair += kPairsOfBlock;
    } else {
      add_pair(row, pair++);
    }
  }
  for (int q = 0; q < Q; ++q) {
    for (int d = 0; d < D; ++d) {
      float* p = out + q * sums.out_stride + d * kLanes;
      if constexpr (D > 1) {
        store(p, sum[q][d]);
      } else {
        _mm512_mask_storeu_ps(p, seen_lanes, sum[q][d]);
      }
    }
  }
}

template <int Q, __mmask32 kSeen = kBothTokens>
inline void add_pairs(const ValuePairs& values, const ValueSums& sums, int64_t first, int64_t end) {
  if (first >= end) return;
  int64_t c = 0;
  if constexpr (Q == 1) {  // rows as wide as the registers allow: memory in its order
    for (; c + 8 * kLanes <= values.width; c += 8 * kLanes) {
      add_vectors<Q, 8, kSeen>(values, sums, first, end, c, kLanes);
    }
  }
  for (; c + 4 * kLanes <= values.width; c += 4 * kLanes) {
    add_vectors<Q, 4, kSeen>(values, sums, first, end, c, kLanes);
  }
  for (; c < values.width; c += kLanes) {
    const int64_t left = values.width - c;
    add_vectors<Q, 1, kSeen>(values, sums, first, end, c, left < kLanes ? left : kLanes);
  }
}

// Adds pairs [from, until) of what one query sees, tokens [first, end).
inline void add_seen_pairs(const ValuePairs& values, const ValueSums& sums, int64_t first,
                           int64_t end, int64_t from, int64_t until) {
  if (first >= end) return;
  const int64_t begin = first / 2 > from ? first / 2 : from;
  const int64_t whole_begin = (first + 1) / 2 > from ? (first + 1) / 2 : from;
  const int64_t whole_end = end / 2 < until ? end / 2 : until;
  if (begin < whole_begin && begin < until && 2 * begin + 1 < end) {
    add_pairs<1, kSecondToken>(values, sums, begin, begin + 1);
  }
  add_pairs<1>(values, sums, whole_begin, whole_end);
  if (end % 2 != 0 && end / 2 >= whole_begin && end / 2 < until) {
    add_pairs<1, kFirstToken>(values, sums, end / 2, end / 2 + 1);
  }
}

// Q queries: the pairs that all see wholly go together; what comes before or after for some goes
// alone.
template <int Q>
inline void add_visible_values(const ValueSums& sums, const int32_t* first, const int32_t* end,
                               const ValuePairs& values) {
  int64_t common_first = 0;
  int64_t common_end = kPairsOfChunk;
  for (int q = 0; q < Q; ++q) {
    if (first[q] >= end[q]) {  // sees nothing of the chunk; its bounds may lie outside
      common_first = kPairsOfChunk;
      continue;
    }
    if ((first[q] + 1) / 2 > common_first) common_first = (first[q] + 1) / 2;
    if (end[q] / 2 < common_end) common_end = end[q] / 2;
  }
  if (common_first >= common_end) common_first = common_end = kPairsOfChunk;
  for (int q = 0; q < Q; ++q) {
    add_seen_pairs(values, sums.of(q), first[q], end[q], 0, common_first);
  }
  add_pairs<Q>(values, sums, common_first, common_end);
  for (int q = 0; q < Q; ++q) {
    add_seen_pairs(values, sums.of(q), first[q], end[q], common_end, kPairsOfChunk);
  }
}

void attention_values(const float* weights, int64_t weight_stride, int count, const int32_t* first,
                      const int32_t* end, const uint16_t* const* blocks, int64_t width, float* out,
                      int64_t out_stride) {
  const ValuePairs values = {blocks, width};
  const ValueSums sums = {weights, weight_stride, out, out_stride};
  bool alike = first[0] % 2 == 0 && end[0] % 2 == 0;
  for (int q = 1; q < count; ++q) alike = alike && first[q] == first[0] && end[q] == end[0];
  int q = 0;
  if (alike) {  // most blocks: all queries see the same whole pairs
    const int64_t begin = first[0] / 2;
    const int64_t until = end[0] / 2;
    for (; q + 4 <= count; q += 4) add_pairs<4>(values, sums.of(q), begin, until);
    for (; q < count; ++q) add_pairs<1>(values, sums.of(q), begin, until);
    return;
  }
  for (; q + 4 <= count; q += 4) add_visible_values<4>(sums.of(q), first + q, end + q, values);
  for (; q < count; ++q) add_visible_values<1>(sums.of(q), first + q, end + q, values);
}

constexpr ix::backend::cpu::AttentionKernels kAttentionKernels = {
    ix::backend::cpu::KvForm::bfloat16_pairs,
    false,
    store_key,
    store_value,
    prepare_query,
    attention_scores,
    attention_softmax,
    prepare_weights,
    attention_values,
};

}  // namespace
