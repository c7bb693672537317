// Ops that treat each row on its own: everything but products with weights and attention.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/cpu/cpu_model.h"
#include "backend/cpu/kv_cache.h"
#include "backend/cpu/step_rows.h"
#include "base/thread_pool.h"

namespace ix::backend::cpu {

// A matrix of floats in the step's buffers: row r at data + r * stride.
struct Rows {
  float* data = nullptr;
  int64_t stride = 0;

  float* row(int64_t r) const { return data + r * stride; }
};

enum class RowOpKind : uint8_t {
  embedding,    // out = table[token]
  rope_angles,  // out [half], b [half] = cosine, sine of the row's position
  rms_norm,     // heads groups of `width`
  rope_halves,
  rope_interleaved,  // a, angles b and c
  gated_silu,
  gated_gelu,
  add,
  add_bias,  // out = a + weight
  scale,
  soft_cap,
  quantize,         // a to activations
  store_key_value,  // a = keys, b = values
};

// One prepared op; which fields count depends on the kind.
struct RowOp {
  RowOpKind kind;
  Rows a;
  Rows b;
  Rows c;
  Rows out;
  int64_t width = 0;              // columns of a group or of the row
  int64_t heads = 1;              // groups of `width` columns
  int64_t half = 0;               // pairs that rope turns
  float number = 0.0F;            // eps, factor, cap, magnitude
  const float* weight = nullptr;  // of a norm, a bias, rope frequencies
  const EmbeddingTable* embedding = nullptr;
  QuantizeFn quantize = nullptr;
  ActivationKind activation = ActivationKind::q8_32;
  uint8_t* activations = nullptr;
  int32_t kv_layer = 0;
  int32_t kv_group = 0;
};

struct RowOpContext {
  int64_t n;  // rows
  const VectorKernels& kernels;
  KvCache& cache;
  const StepRows& rows;
};

// Runs the ops one after the other for each row; rows are spread over the pool.
void run_row_ops(std::span<const RowOp> ops, const RowOpContext& context, ThreadPool& pool);

}  // namespace ix::backend::cpu
