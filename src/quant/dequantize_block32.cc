// Blocks of 32 weights.
#include "base/float16.h"
#include "quant/dequantize_block.h"

namespace ix::quant {
namespace {

// The nibble of weight i: low nibbles first, then high ones.
int nibble(const uint8_t (&qs)[16], int i) { return (qs[i % 16] >> (i < 16 ? 0 : 4)) & 15; }

int five_bits(const uint8_t (&qs)[16], uint32_t qh, int i) {
  return nibble(qs, i) | static_cast<int>(((qh >> i) & 1u) << 4);
}

}  // namespace

void dequantize_block(const BlockQ4_0& block, std::span<float, 32> out) {
  const float d = half_to_float(block.d);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(nibble(block.qs, i) - 8);
}

void dequantize_block(const BlockQ4_1& block, std::span<float, 32> out) {
  const float d = half_to_float(block.d);
  const float m = half_to_float(block.m);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(nibble(block.qs, i)) + m;
}

void dequantize_block(const BlockQ5_0& block, std::span<float, 32> out) {
  const float d = half_to_float(block.d);
  for (int i = 0; i < 32; ++i) {
    out[i] = d * static_cast<float>(five_bits(block.qs, block.qh, i) - 16);
  }
}

void dequantize_block(const BlockQ5_1& block, std::span<float, 32> out) {
  const float d = half_to_float(block.d);
  const float m = half_to_float(block.m);
  for (int i = 0; i < 32; ++i) {
    out[i] = d * static_cast<float>(five_bits(block.qs, block.qh, i)) + m;
  }
}

void dequantize_block(const BlockQ8_0& block, std::span<float, 32> out) {
  const float d = half_to_float(block.d);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(block.qs[i]);
}

void dequantize_block(const BlockIq4Nl& block, std::span<float, 32> out) {
  const float d = half_to_float(block.d);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(kIq4Values[nibble(block.qs, i)]);
}

}  // namespace ix::quant
