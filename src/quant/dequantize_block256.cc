// Blocks of 256 weights. Weights are numbered 0..255; i is the number in the block, j that of the
// sub-block.
#include "base/float16.h"
#include "quant/dequantize_block.h"

namespace ix::quant {
namespace {

// Two bits of weight i of a Q2_K or Q3_K block.
int two_bits(const uint8_t (&qs)[64], int i) {
  return (qs[32 * (i / 128) + i % 32] >> (2 * (i % 128 / 32))) & 3;
}

// Four bits of weight i of a Q5_K block.
int four_bits(const uint8_t (&qs)[128], int i) {
  return (qs[32 * (i / 64) + i % 32] >> (i % 64 < 32 ? 0 : 4)) & 15;
}

}  // namespace

void dequantize_block(const BlockQ2K& block, std::span<float, 256> out) {
  const float d = half_to_float(block.d);
  const float dmin = half_to_float(block.dmin);
  for (int j = 0; j < 16; ++j) {
    const float scale = d * static_cast<float>(block.scales[j] & 15);
    const float min = dmin * static_cast<float>(block.scales[j] >> 4);
    for (int i = 16 * j; i < 16 * j + 16; ++i) {
      out[i] = scale * static_cast<float>(two_bits(block.qs, i)) - min;
    }
  }
}

void dequantize_block(const BlockQ3K& block, std::span<float, 256> out) {
  const float d = half_to_float(block.d);
  for (int j = 0; j < 16; ++j) {
    const float scale = d * static_cast<float>(unpack_q3k_scale(block.scales, j) - 32);
    for (int i = 16 * j; i < 16 * j + 16; ++i) {
      const int bit = (block.hmask[i % 32] >> (i / 32)) & 1;
      out[i] = scale * static_cast<float>(two_bits(block.qs, i) - (bit != 0 ? 0 : 4));
    }
  }
}

void dequantize_block(const BlockQ4K& block, std::span<float, 256> out) {
  const float d = half_to_float(block.d);
  const float dmin = half_to_float(block.dmin);
  for (int j = 0; j < 8; ++j) {
    const ScaleMin packed = unpack_scale_min(block.scales, j);
    const float scale = d * static_cast<float>(packed.scale);
    const float min = dmin * static_cast<float>(packed.min);
    const uint8_t* qs = block.qs + 32 * (j / 2);
    const int shift = 4 * (j % 2);
    float* weights = out.data() + 32 * j;
    for (int i = 0; i < 32; ++i) {
      weights[i] = scale * static_cast<float>((qs[i] >> shift) & 15) - min;
    }
  }
}

void dequantize_block(const BlockQ5K& block, std::span<float, 256> out) {
  const float d = half_to_float(block.d);
  const float dmin = half_to_float(block.dmin);
  for (int j = 0; j < 8; ++j) {
    const ScaleMin packed = unpack_scale_min(block.scales, j);
    const float scale = d * static_cast<float>(packed.scale);
    const float min = dmin * static_cast<float>(packed.min);
    for (int i = 32 * j; i < 32 * j + 32; ++i) {
      const int high = (block.qh[i % 32] >> j) & 1;
      out[i] = scale * static_cast<float>(four_bits(block.qs, i) | (high << 4)) - min;
    }
  }
}

void dequantize_block(const BlockQ6K& block, std::span<float, 256> out) {
  const float d = half_to_float(block.d);
  for (int j = 0; j < 16; ++j) {
    const float scale = d * static_cast<float>(block.scales[j]);
    const int half = j / 8;
    const int in_half = j % 8;
    const uint8_t* ql = block.ql + 64 * half + 16 * (in_half % 4);
    const uint8_t* qh = block.qh + 32 * half + 16 * (in_half % 2);
    const int low_shift = 4 * (in_half / 4);
    const int high_shift = 2 * (in_half / 2);
    float* weights = out.data() + 16 * j;
    for (int i = 0; i < 16; ++i) {
      const int q = ((ql[i] >> low_shift) & 15) | (((qh[i] >> high_shift) & 3) << 4);
      weights[i] = scale * static_cast<float>(q - 32);
    }
  }
}

void dequantize_block(const BlockIq4Xs& block, std::span<float, 256> out) {
  const float d = half_to_float(block.d);
  for (int j = 0; j < 8; ++j) {
    const float scale = d * static_cast<float>(unpack_iq4xs_scale(block, j) - 32);
    for (int i = 0; i < 32; ++i) {
      const int q = (block.qs[16 * j + i % 16] >> (i < 16 ? 0 : 4)) & 15;
      out[32 * j + i] = scale * static_cast<float>(kIq4Values[q]);
    }
  }
}

}  // namespace ix::quant
