// The table of float kernels: everything on the CPU that is not a product with weights.
//
// Each kernel works on one row (attention: on some queries of one KV head) and does its arithmetic
// in an order that depends on nothing but its arguments, so that a row's result never depends on
// the rows beside it. C types only: the ISA files include this header.
#pragma once

#include <stdint.h>

namespace ix::backend::cpu {

// Tokens of a KV block; attention kernels rely on it.
constexpr int kBlockTokens = 16;

struct VectorKernels {
  // out[i] = in[i] / sqrt(mean(in^2) + eps) * weight[i]. in and out may be the same.
  void (*rms_norm)(const float* in, const float* weight, float eps, int64_t width, float* out);

  // Turns the pairs (in[i], in[half + i]) by (cosine[i], sine[i]). in and out may be the same.
  void (*rope_halves)(const float* in, const float* cosine, const float* sine, int64_t half,
                      float* out);
  // The pairs (in[2 i], in[2 i + 1]).
  void (*rope_interleaved)(const float* in, const float* cosine, const float* sine, int64_t half,
                           float* out);

  // out = silu(gate) * up and gelu_tanh(gate) * up.
  void (*gated_silu)(const float* gate, const float* up, int64_t n, float* out);
  void (*gated_gelu)(const float* gate, const float* up, int64_t n, float* out);

  void (*add)(const float* a, const float* b, int64_t n, float* out);
  void (*scale)(const float* in, float factor, int64_t n, float* out);
  // out = cap * tanh(in / cap).
  void (*soft_cap)(const float* in, float cap, int64_t n, float* out);

  // To IEEE half, nearest even.
  void (*to_half)(const float* in, int64_t n, uint16_t* out);

  float (*dot)(const float* a, const float* b, int64_t n);

  // scores[q][t] = scale * (query q . key of token t) for all tokens of `blocks` KV blocks.
  //   queries [count, query_stride]; keys[b] [head_dim, kBlockTokens], one for each block;
  //   scores [count, score_stride], score_stride >= blocks * kBlockTokens.
  void (*attention_scores)(const float* queries, int64_t query_stride, int count,
                           const uint16_t* const* keys, int blocks, int64_t head_dim, float scale,
                           float* scores, int64_t score_stride);

  // The softmax of scores[first, end) in place, not divided by its sum: scores[t] becomes
  // exp(scores[t] - *max). Returns the sum. end > first.
  float (*attention_softmax)(float* scores, int first, int end, float* max);

  // out[q] += sum over t in [first[q], end[q]) of weights[q][t] * value of token t, t ascending.
  //   weights [count, weight_stride]; values[b] [kBlockTokens, width]; out [count, out_stride].
  void (*attention_values)(const float* weights, int64_t weight_stride, int count,
                           const int32_t* first, const int32_t* end, const uint16_t* const* values,
                           int64_t width, float* out, int64_t out_stride);

  // out = a * out + b * in.
  void (*blend)(float* out, float a, const float* in, float b, int64_t n);
};

extern const VectorKernels kVectorKernelsGeneric;
#if defined(__x86_64__)
extern const VectorKernels kVectorKernelsAvx2;
extern const VectorKernels kVectorKernelsAvx512Vnni;
#elif defined(__aarch64__)
extern const VectorKernels kVectorKernelsNeon;
#endif

}  // namespace ix::backend::cpu
