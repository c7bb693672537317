// The blocks of quantised tensors as they lie in files, byte for byte.
// Source of the layouts: ggml-common.h. Half-precision fields are kept as their 16 bits; every
// struct has alignment 1, so any address in a mapping may be read as one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ix::quant {

inline constexpr int kBlock32 = 32;           // weights in a block of the *_0, *_1 and IQ4_NL types
inline constexpr int kSuperBlock = 256;       // weights in a block of the K types and IQ4_XS
inline constexpr int kPackedScaleBytes = 12;  // 6-bit scales (and mins) of Q3_K, Q4_K, Q5_K

#pragma pack(push, 1)

// w = d (q - 8); low nibbles are weights 0..15, high nibbles 16..31.
struct BlockQ4_0 {
  uint16_t d;
  uint8_t qs[16];
};

// w = d q + m
struct BlockQ4_1 {
  uint16_t d;
  uint16_t m;
  uint8_t qs[16];
};

// w = d (q - 16); bit i of qh is the fifth bit of weight i.
struct BlockQ5_0 {
  uint16_t d;
  uint32_t qh;
  uint8_t qs[16];
};

// w = d q + m
struct BlockQ5_1 {
  uint16_t d;
  uint16_t m;
  uint32_t qh;
  uint8_t qs[16];
};

// w = d q
struct BlockQ8_0 {
  uint16_t d;
  int8_t qs[32];
};

// 16 sub-blocks of 16: w = d sc q - dmin m; sc is the low nibble of a scale, m the high one.
// Each 32 bytes of qs hold 128 weights: 2 bits of weights i, i + 32, i + 64, i + 96.
struct BlockQ2K {
  uint8_t scales[16];
  uint8_t qs[64];
  uint16_t d;
  uint16_t dmin;
};

// 16 sub-blocks of 16: w = d (sc - 32) (q - 4 when the bit of hmask is clear).
struct BlockQ3K {
  uint8_t hmask[32];  // bit b of byte i belongs to weight 32 b + i
  uint8_t qs[64];     // as Q2_K
  uint8_t scales[kPackedScaleBytes];
  uint16_t d;
};

// 8 sub-blocks of 32: w = d sc q - dmin m. Each 32 bytes of qs hold two sub-blocks: low nibbles
// the first, high nibbles the second.
struct BlockQ4K {
  uint16_t d;
  uint16_t dmin;
  uint8_t scales[kPackedScaleBytes];
  uint8_t qs[128];
};

// As Q4_K; bit j of qh[i] is the fifth bit of weight i of sub-block j.
struct BlockQ5K {
  uint16_t d;
  uint16_t dmin;
  uint8_t scales[kPackedScaleBytes];
  uint8_t qh[32];
  uint8_t qs[128];
};

// 16 sub-blocks of 16: w = d sc (q - 32). In each half (128 weights, 64 bytes of ql, 32 of qh):
// ql[i] holds weights i (low) and i + 64 (high), ql[i + 32] those i + 32 and i + 96; qh[i] two bits
// of each of the four.
struct BlockQ6K {
  uint8_t ql[128];
  uint8_t qh[64];
  int8_t scales[16];
  uint16_t d;
};

// Activations, never in files: w = d q; bsums are the sums of 16 q each.
struct BlockQ8K {
  float d;
  int8_t qs[256];
  int16_t bsums[16];
};

// w = d kIq4Values[q]; nibbles as Q4_0.
struct BlockIq4Nl {
  uint16_t d;
  uint8_t qs[16];
};

// 8 sub-blocks of 32, nibbles of each as IQ4_NL: w = d (sc - 32) kIq4Values[q]; the 6 bits of sc
// are a nibble of scales_l and two bits of scales_h.
struct BlockIq4Xs {
  uint16_t d;
  uint16_t scales_h;
  uint8_t scales_l[4];
  uint8_t qs[128];
};

#pragma pack(pop)

inline constexpr int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                          1,    13,   25,  38,  53,  69,  89,  113};

static_assert(sizeof(BlockQ4_0) == 18 && alignof(BlockQ4_0) == 1);
static_assert(sizeof(BlockQ4_1) == 20 && offsetof(BlockQ4_1, qs) == 4);
static_assert(sizeof(BlockQ5_0) == 22 && offsetof(BlockQ5_0, qh) == 2);
static_assert(sizeof(BlockQ5_1) == 24 && offsetof(BlockQ5_1, qh) == 4);
static_assert(sizeof(BlockQ8_0) == 34 && offsetof(BlockQ8_0, qs) == 2);
static_assert(sizeof(BlockQ2K) == 84 && offsetof(BlockQ2K, d) == 80);
static_assert(sizeof(BlockQ3K) == 110 && offsetof(BlockQ3K, scales) == 96 &&
              offsetof(BlockQ3K, d) == 108);
static_assert(sizeof(BlockQ4K) == 144 && offsetof(BlockQ4K, qs) == 16);
static_assert(sizeof(BlockQ5K) == 176 && offsetof(BlockQ5K, qh) == 16 &&
              offsetof(BlockQ5K, qs) == 48);
static_assert(sizeof(BlockQ6K) == 210 && offsetof(BlockQ6K, qh) == 128 &&
              offsetof(BlockQ6K, scales) == 192 && offsetof(BlockQ6K, d) == 208);
static_assert(sizeof(BlockQ8K) == 292 && offsetof(BlockQ8K, bsums) == 260);
static_assert(sizeof(BlockIq4Nl) == 18 && alignof(BlockIq4Nl) == 1);
static_assert(sizeof(BlockIq4Xs) == 136 && offsetof(BlockIq4Xs, qs) == 8);

// The 6-bit scale and min of sub-block j (0..7) of a Q4_K or Q5_K block.
struct ScaleMin {
  uint8_t scale;
  uint8_t min;
};
constexpr ScaleMin unpack_scale_min(const uint8_t (&scales)[kPackedScaleBytes], int j) {
  if (j < 4) {
    return {static_cast<uint8_t>(scales[j] & 63), static_cast<uint8_t>(scales[j + 4] & 63)};
  }
  return {static_cast<uint8_t>((scales[j + 4] & 15) | ((scales[j - 4] >> 6) << 4)),
          static_cast<uint8_t>((scales[j + 4] >> 4) | ((scales[j] >> 6) << 4))};
}

// The 6-bit scale of sub-block j (0..15) of a Q3_K block, 0..63 (32 stands for 0): a nibble of the
// first 8 bytes and two bits of the last 4.
constexpr uint8_t unpack_q3k_scale(const uint8_t (&scales)[kPackedScaleBytes], int j) {
  const int low = (scales[j % 8] >> (4 * (j / 8))) & 15;
  const int high = (scales[8 + j % 4] >> (2 * (j / 4))) & 3;
  return static_cast<uint8_t>(low | (high << 4));
}

// The 6-bit scale of sub-block j (0..7) of an IQ4_XS block, 0..63 (32 stands for 0).
constexpr uint8_t unpack_iq4xs_scale(const BlockIq4Xs& block, int j) {
  const int low = (block.scales_l[j / 2] >> (4 * (j % 2))) & 15;
  const int high = (block.scales_h >> (2 * j)) & 3;
  return static_cast<uint8_t>(low | (high << 4));
}

}  // namespace ix::quant
