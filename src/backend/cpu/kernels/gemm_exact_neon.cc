// The exact product for NEON, as every 64-bit Arm has it. Only intrinsics and C headers here.
#include <arm_neon.h>
#include <stdint.h>
#include <string.h>

#include "backend/cpu/kernels/gemm_exact_kernels.h"
#include "backend/cpu/kernels/gemm_exact_parts.h"

#define IX_INLINE inline __attribute__((always_inline))

namespace ix::backend::cpu {
namespace {

IX_INLINE float32x4_t widen_low(uint16x8_t halves) {
  return vcvt_f32_f16(vget_low_f16(vreinterpretq_f16_u16(halves)));
}
IX_INLINE float32x4_t widen_high(uint16x8_t halves) {
  return vcvt_high_f32_f16(vreinterpretq_f16_u16(halves));
}
IX_INLINE float widen_one(uint16_t half) { return vgetq_lane_f32(widen_low(vdupq_n_u16(half)), 0); }

void widen(const uint16_t* in, int64_t n, float* out) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const uint16x8_t halves = vld1q_u16(in + i);
    vst1q_f32(out + i, widen_low(halves));
    vst1q_f32(out + i + 4, widen_high(halves));
  }
  for (; i < n; ++i) out[i] = widen_one(in[i]);
}

// out[j] = scale × the j-th of 8 bytes. Both products, d × scale and dmin × min, are exact (11 bits
// times 6), and so is a scale times a quant of 4 bits: a fused multiply-subtract of them rounds as
// the reference's two operations do.
IX_INLINE void scale_bytes(const uint32_t* bytes, uint16_t scale, float* out) {
  const uint16x8_t words = vmovl_u8(vcreate_u8(bytes[0] | (uint64_t)bytes[1] << 32));
  const float factor = widen_one(scale);
  vst1q_f32(out, vmulq_n_f32(vcvtq_f32_u32(vmovl_u16(vget_low_u16(words))), factor));
  vst1q_f32(out + 4, vmulq_n_f32(vcvtq_f32_u32(vmovl_high_u16(words)), factor));
}

// The 16 weights of a sub-block: their low and their high bytes.
struct ByteTables {
  uint8x16_t low;
  uint8x16_t high;
};

IX_INLINE ByteTables byte_tables(float scale, float min) {
  const float first_quants[4] = {0, 1, 2, 3};
  uint16x4_t halves[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const float32x4_t quants = vaddq_f32(vld1q_f32(first_quants), vdupq_n_f32((float)(4 * i)));
    const float32x4_t weights = vfmaq_n_f32(vdupq_n_f32(-min), quants, scale);
    halves[i] = vreinterpret_u16_f16(vcvt_f16_f32(weights));
  }
  const uint8x16_t a = vreinterpretq_u8_u16(vcombine_u16(halves[0], halves[1]));
  const uint8x16_t b = vreinterpretq_u8_u16(vcombine_u16(halves[2], halves[3]));
  return {vuzp1q_u8(a, b), vuzp2q_u8(a, b)};
}

// 16 weights, in order.
IX_INLINE void look_up(const ByteTables& table, uint8x16_t quants, uint16_t* out) {
  const uint8x16_t low = vqtbl1q_u8(table.low, quants);
  const uint8x16_t high = vqtbl1q_u8(table.high, quants);
  vst1q_u16(out, vreinterpretq_u16_u8(vzip1q_u8(low, high)));
  vst1q_u16(out + 8, vreinterpretq_u16_u8(vzip2q_u8(low, high)));
}

// rows [8, 8], stride apart -> their transpose at out, out_stride apart
IX_INLINE void transpose_8x8(const uint16_t* rows, int64_t stride, uint16_t* out,
                             int64_t out_stride) {
  uint32x4_t pairs[8];
  uint64x2_t fours[8];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const uint16x8_t a = vld1q_u16(rows + 2 * i * stride);
    const uint16x8_t b = vld1q_u16(rows + (2 * i + 1) * stride);
    pairs[2 * i] = vreinterpretq_u32_u16(vtrn1q_u16(a, b));      // even columns
    pairs[2 * i + 1] = vreinterpretq_u32_u16(vtrn2q_u16(a, b));  // odd columns
  }
  // fours[4 i + c]: columns c and c + 4 of rows 4 i … 4 i + 3
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
#pragma GCC unroll 2
    for (int odd = 0; odd < 2; ++odd) {
      const uint32x4_t a = pairs[4 * i + odd];
      const uint32x4_t b = pairs[4 * i + 2 + odd];
      fours[4 * i + odd] = vreinterpretq_u64_u32(vtrn1q_u32(a, b));
      fours[4 * i + 2 + odd] = vreinterpretq_u64_u32(vtrn2q_u32(a, b));
    }
  }
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    const uint64x2_t low = vtrn1q_u64(fours[c], fours[4 + c]);
    const uint64x2_t high = vtrn2q_u64(fours[c], fours[4 + c]);
    vst1q_u16(out + c * out_stride, vreinterpretq_u16_u64(low));
    vst1q_u16(out + (c + 4) * out_stride, vreinterpretq_u16_u64(high));
  }
}

void dequantize(const void* blocks, int64_t row_bytes, int rows, uint16_t* panel) {
  uint16_t weights[kExactRows * kExactDepth];
  for (int r = 0; r < rows; ++r) {
    const uint8_t* block = static_cast<const uint8_t*>(blocks) + r * row_bytes;
    uint16_t* out = weights + r * kExactDepth;
    const Q4KHead head = unpack_head(block);
    float scales[8];
    float mins[8];
    scale_bytes(head.scales, head.d, scales);
    scale_bytes(head.mins, head.dmin, mins);
    for (int pair = 0; pair < 4; ++pair) {
      const int j = 2 * pair;
      const ByteTables low = byte_tables(scales[j], mins[j]);
      const ByteTables high = byte_tables(scales[j + 1], mins[j + 1]);
      for (int half = 0; half < 2; ++half) {
        const uint8x16_t bytes = vld1q_u8(block + kQuantsOffset + 32 * pair + 16 * half);
        look_up(low, vandq_u8(bytes, vdupq_n_u8(15)), out + 32 * j + 16 * half);
        look_up(high, vshrq_n_u8(bytes, 4), out + 32 * (j + 1) + 16 * half);
      }
    }
  }
  memset(weights + rows * kExactDepth, 0, sizeof(uint16_t) * (kExactRows - rows) * kExactDepth);
  for (int k = 0; k < kExactDepth; k += 8) {
    for (int row = 0; row < kExactRows; row += 8) {
      transpose_8x8(weights + row * kExactDepth + k, kExactDepth, panel + k * kExactRows + row,
                    kExactRows);
    }
  }
}

// 2 registers of rows × 12 columns are 24 sums of 32 registers.
constexpr int kRowsOfTile = 8;

// panel [k, kExactRows], tile [k, kColumns], sums [kColumns, kExactRows]; panel and sums are at the
// first row.
template <int kColumns>
void multiply_tile(const uint16_t* panel, const float* tile, float* sums, bool first) {
  float32x4_t sum[kColumns][2];
#pragma GCC unroll 12
  for (int j = 0; j < kColumns; ++j) {
    sum[j][0] = first ? vdupq_n_f32(0) : vld1q_f32(sums + j * kExactRows);
    sum[j][1] = first ? vdupq_n_f32(0) : vld1q_f32(sums + j * kExactRows + 4);
  }
  for (int k = 0; k < kExactDepth; ++k) {
    const uint16x8_t halves = vld1q_u16(panel + k * kExactRows);
    const float32x4_t w0 = widen_low(halves);
    const float32x4_t w1 = widen_high(halves);
#pragma GCC unroll 12
    for (int j = 0; j < kColumns; ++j) {
      const float b = tile[k * kColumns + j];
      sum[j][0] = vfmaq_n_f32(sum[j][0], w0, b);
      sum[j][1] = vfmaq_n_f32(sum[j][1], w1, b);
    }
  }
#pragma GCC unroll 12
  for (int j = 0; j < kColumns; ++j) {
    vst1q_f32(sums + j * kExactRows, sum[j][0]);
    vst1q_f32(sums + j * kExactRows + 4, sum[j][1]);
  }
}

using TileFn = void (*)(const uint16_t* panel, const float* tile, float* sums, bool first);
constexpr TileFn kTiles[kExactColumns + 1] = {
    nullptr,           multiply_tile<1>,  multiply_tile<2>,  multiply_tile<3>, multiply_tile<4>,
    multiply_tile<5>,  multiply_tile<6>,  multiply_tile<7>,  multiply_tile<8>, multiply_tile<9>,
    multiply_tile<10>, multiply_tile<11>, multiply_tile<12>,
};

void multiply(const ExactMultiplyArgs& args) {
  for (int64_t j = 0; j < args.n; j += kExactColumns) {
    const float* tile = args.tiles + j / kExactColumns * args.tile_stride;
    const int64_t width = args.n - j < kExactColumns ? args.n - j : kExactColumns;
    for (int row = 0; row < kExactRows; row += kRowsOfTile) {
      kTiles[width](args.panel + row, tile, args.sums + j * kExactRows + row, args.first);
    }
  }
}

}  // namespace

extern const ExactKernels kExactKernelsNeon = {dequantize, widen, pack_rows<widen>,
                                               pack_columns<widen, 8>, multiply};

}  // namespace ix::backend::cpu
