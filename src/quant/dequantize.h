// Reference dequantisation: the definition of what a block's weights are.
// Equal bit for bit to gguf-py's quants.dequantize; every kernel is tested against it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "quant/tensor_type.h"

namespace ix::quant {

// src: whole blocks of `type`; dst: one float a weight. src.size() must be row_bytes(type,
// dst.size()). unsupported, by name, for types that have no reference here.
Status dequantize_row(TensorType type, std::span<const std::byte> src, std::span<float> dst);

}  // namespace ix::quant
