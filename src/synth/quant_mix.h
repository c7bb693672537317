// Which type llama.cpp gives each matrix of a Q4_K_M file.
#pragma once

#include <cstdint>

#include "quant/tensor_type.h"
#include "synth/shape.h"

namespace ix::synth {

// What the mix asks of a matrix. tied_embedding: an embedding that is the head too.
enum class MatrixRole : uint8_t { embedding, tied_embedding, head, attn_v, ffn_down, other };

// cols: weights in a row of the matrix. layer counts for attn_v and ffn_down.
quant::TensorType q4_k_m_type(const Shape& shape, MatrixRole role, int64_t layer, int64_t cols);

}  // namespace ix::synth
