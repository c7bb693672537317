// Matrix kernels in portable C++: the last of the list, and what the others are held against.
#include <string.h>

#include "backend/cpu/kernels/matrix_kernels.h"
#include "backend/cpu/kernels/quantize_kernels.h"
#include "base/float16.h"

namespace ix::backend::cpu {
namespace {

// Quants of a sub-block, byte for byte like an 8-bit panel.
using Quants = uint8_t[8][64];

void expand_low(const uint8_t (*low)[64], Quants q) {
  for (int v = 0; v < 4; ++v) {
    for (int i = 0; i < 64; ++i) {
      q[2 * v][i] = low[v][i] & 15;
      q[2 * v + 1][i] = low[v][i] >> 4;
    }
  }
}

void add_bit4(const uint8_t* high, Quants q) {
  for (int g = 0; g < 8; ++g) {
    for (int i = 0; i < 64; ++i) q[g][i] |= static_cast<uint8_t>(((high[i] >> g) & 1) << 4);
  }
}

void add_bits45(const uint8_t (*high)[64], Quants q) {
  for (int g = 0; g < 8; ++g) {
    for (int i = 0; i < 64; ++i) {
      q[g][i] |= static_cast<uint8_t>(((high[g / 4][i] >> (2 * (g % 4))) & 3) << 4);
    }
  }
}

// dot[row] += quants of groups [first, first + count) × x[4 * count]
void dot_groups(const uint8_t (*q)[64], int count, const int8_t* x, int32_t* dot) {
  for (int g = 0; g < count; ++g) {
    for (int i = 0; i < 64; ++i) dot[i / 4] += q[g][i] * x[4 * g + i % 4];
  }
}

// --- types with blocks of 32 ---------------------------------------------------------------------

const uint16_t* mins(const PanelQ4_1& p) { return p.m; }
const uint16_t* mins(const PanelQ5_1& p) { return p.m; }
template <typename Panel>
const uint16_t* mins(const Panel& /*p*/) {
  return nullptr;
}

void expand(const PanelQ4_0& p, Quants q) { expand_low(p.low, q); }
void expand(const PanelQ4_1& p, Quants q) { expand_low(p.low, q); }
void expand(const PanelQ5_0& p, Quants q) {
  expand_low(p.low, q);
  add_bit4(p.high, q);
}
void expand(const PanelQ5_1& p, Quants q) {
  expand_low(p.low, q);
  add_bit4(p.high, q);
}
void expand(const PanelQ8_0& p, Quants q) { memcpy(q, p.q, sizeof(Quants)); }

template <typename Panel, int kOffset>
struct Blocks32 {
  using Activation = Q8Block32;

  // acc [16] of one panel and one activation row
  static void dot(const uint8_t* panel, const MatmulArgs& args, const uint8_t* activations,
                  float* acc) {
    const auto* block = reinterpret_cast<const Panel*>(panel);
    for (int64_t b = 0; b < args.blocks; ++b, activations += args.block_stride) {
      const auto& x = *reinterpret_cast<const Q8Block32*>(activations);
      const uint16_t* m = mins(block[b]);
      Quants q;
      expand(block[b], q);
      int32_t sums[kPanelRows];
      for (int32_t& sum : sums) sum = kOffset * x.minus_sum;
      dot_groups(q, 8, x.q, sums);
      for (int r = 0; r < kPanelRows; ++r) {
        acc[r] += static_cast<float>(sums[r]) * half_to_float(block[b].d[r]) * x.scale;
        if (m != nullptr) acc[r] += half_to_float(m[r]) * x.scaled_sum;
      }
    }
  }
};

// --- types with blocks of 256 --------------------------------------------------------------------

void expand(const PanelQ4_K& p, int j, Quants q) { expand_low(p.low[j], q); }
void expand(const PanelQ5_K& p, int j, Quants q) {
  expand_low(p.sub[j].low, q);
  add_bit4(p.sub[j].high, q);
}

template <typename Panel>
struct BlocksK {
  using Activation = Q8Block256;

  static void dot(const uint8_t* panel, const MatmulArgs& args, const uint8_t* activations,
                  float* acc) {
    const auto* block = reinterpret_cast<const Panel*>(panel);
    for (int64_t b = 0; b < args.blocks; ++b, activations += args.block_stride) {
      const auto& x = *reinterpret_cast<const Q8Block256*>(activations);
      float total[kPanelRows] = {};
      int32_t below[kPanelRows] = {};
      for (int j = 0; j < 8; ++j) {
        Quants q;
        expand(block[b], j, q);
        int32_t sums[kPanelRows] = {};
        dot_groups(q, 8, x.q + 32 * j, sums);
        for (int r = 0; r < kPanelRows; ++r) {
          const float scale = half_to_float(block[b].d[r]) * block[b].scales[j][r];
          total[r] += static_cast<float>(sums[r]) * scale;
          below[r] += block[b].mins[j / 2][r][j % 2] * x.sum32[j];
        }
      }
      for (int r = 0; r < kPanelRows; ++r) {
        total[r] -= static_cast<float>(below[r]) * half_to_float(block[b].dmin[r]);
        acc[r] += total[r] * x.scale;
      }
    }
  }
};

struct BlocksQ6K {
  using Activation = Q8Block256;

  static void dot(const uint8_t* panel, const MatmulArgs& args, const uint8_t* activations,
                  float* acc) {
    const auto* block = reinterpret_cast<const PanelQ6_K*>(panel);
    for (int64_t b = 0; b < args.blocks; ++b, activations += args.block_stride) {
      const auto& x = *reinterpret_cast<const Q8Block256*>(activations);
      float total[kPanelRows] = {};
      for (int j = 0; j < 16; ++j) {
        Quants q;
        expand_low(block[b].sub[j / 2].low, q);
        add_bits45(block[b].sub[j / 2].high, q);
        int32_t sums[kPanelRows];
        for (int32_t& sum : sums) sum = 32 * x.minus_sum16[j];
        dot_groups(q + 4 * (j % 2), 4, x.q + 16 * j, sums);
        for (int r = 0; r < kPanelRows; ++r) {
          const float scale = half_to_float(block[b].d[r]) * block[b].scales[j][r];
          total[r] += static_cast<float>(sums[r]) * scale;
        }
      }
      for (int r = 0; r < kPanelRows; ++r) acc[r] += total[r] * x.scale;
    }
  }
};

template <typename Type>
void matmul(const MatmulArgs& args) {
  for (int64_t p = args.first_panel; p < args.last_panel; ++p) {
    const int64_t first_row = p * kPanelRows;
    const int64_t rows = args.rows - first_row < kPanelRows ? args.rows - first_row : kPanelRows;
    for (int64_t j = 0; j < args.n; ++j) {
      float acc[kPanelRows] = {};
      Type::dot(args.panels + p * args.panel_bytes, args,
                args.activations + j * static_cast<int64_t>(sizeof(typename Type::Activation)),
                acc);
      memcpy(args.out + j * args.out_stride + first_row, acc,
             static_cast<size_t>(rows) * sizeof(float));
    }
  }
}

}  // namespace

const MatrixKernels kMatrixKernelsGeneric = {
    {quantize_q8_32_generic, quantize_q8_256_generic},
    {matmul<Blocks32<PanelQ4_0, 8>>, matmul<Blocks32<PanelQ4_1, 0>>,
     matmul<Blocks32<PanelQ5_0, 16>>, matmul<Blocks32<PanelQ5_1, 0>>,
     matmul<Blocks32<PanelQ8_0, 128>>, matmul<BlocksK<PanelQ4_K>>, matmul<BlocksK<PanelQ5_K>>,
     matmul<BlocksQ6K>},
};

}  // namespace ix::backend::cpu
