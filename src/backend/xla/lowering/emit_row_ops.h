// The ops that work on rows by themselves: values are f32 [rows, width].
#pragma once

#include "backend/xla/hlo/builder.h"
#include "graph/decoder.h"

namespace ix::backend::xla {

// x of another rank: dimension i of x is dimension dimensions[i] of an array like `shape`.
hlo::Op broadcast_like(hlo::Builder& b, hlo::Op x, hlo::Op like, const hlo::Dims& dimensions);

// x [rows, width], weight f32 [group].
hlo::Op emit_rms_norm(hlo::Builder& b, hlo::Op x, hlo::Op weight, float epsilon);

// Heads of head_dim columns; pair i is columns i and i + pairs of a head. angles f32
// [2, rows, pairs]: cosines and sines.
hlo::Op emit_rope(hlo::Builder& b, hlo::Op x, hlo::Op angles, int64_t head_dim);

// activation(gate) * up
hlo::Op emit_gated(hlo::Builder& b, graph::Activation activation, hlo::Op gate, hlo::Op up);

// cap * tanh(x / cap)
hlo::Op emit_soft_cap(hlo::Builder& b, hlo::Op x, float cap);

}  // namespace ix::backend::xla
