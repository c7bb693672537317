// One function a block type: the weights of a block as floats. dequantize_row() picks among them.
//
// The order of every multiplication and addition is part of the contract (it is gguf-py's), so
// these are compiled with -ffp-contract=off.
#pragma once

#include <span>

#include "quant/blocks.h"

namespace ix::quant {

void dequantize_block(const BlockQ4_0& block, std::span<float, 32> out);
void dequantize_block(const BlockQ4_1& block, std::span<float, 32> out);
void dequantize_block(const BlockQ5_0& block, std::span<float, 32> out);
void dequantize_block(const BlockQ5_1& block, std::span<float, 32> out);
void dequantize_block(const BlockQ8_0& block, std::span<float, 32> out);
void dequantize_block(const BlockIq4Nl& block, std::span<float, 32> out);

void dequantize_block(const BlockQ2K& block, std::span<float, 256> out);
void dequantize_block(const BlockQ3K& block, std::span<float, 256> out);
void dequantize_block(const BlockQ4K& block, std::span<float, 256> out);
void dequantize_block(const BlockQ5K& block, std::span<float, 256> out);
void dequantize_block(const BlockQ6K& block, std::span<float, 256> out);
void dequantize_block(const BlockIq4Xs& block, std::span<float, 256> out);

}  // namespace ix::quant
