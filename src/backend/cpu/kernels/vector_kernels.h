// The table of float kernels: everything on the CPU that is not a product with weights.
//
// Each kernel works on one row (attention: on some queries of one KV head) and does its arithmetic
// in an order that depends on nothing but its arguments, so that a row's result never depends on
// the rows beside it. C types only: the ISA files include this header.
#pragma once

#include <stdint.h>

#include "backend/cpu/kernels/attention_kernels.h"

namespace ix::backend::cpu {

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

  float (*dot)(const float* a, const float* b, int64_t n);

  // out = a * out + b * in.
  void (*blend)(float* out, float a, const float* in, float b, int64_t n);

  AttentionKernels attention;
};

extern const VectorKernels kVectorKernelsGeneric;
#if defined(__x86_64__)
extern const VectorKernels kVectorKernelsAvx2;
extern const VectorKernels kVectorKernelsAvx512Vnni;
extern const VectorKernels kVectorKernelsAvx512Bf16;
#elif defined(__aarch64__)
extern const VectorKernels kVectorKernelsNeon;
#endif

}  // namespace ix::backend::cpu
