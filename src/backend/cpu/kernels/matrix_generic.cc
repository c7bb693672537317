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

// Bit g of `high` is bit `to` of group g.
void add_bit(const uint8_t* high, int to, Quants q) {
  for (int g = 0; g < 8; ++g) {
    for (int i = 0; i < 64; ++i) q[g][i] |= static_cast<uint8_t>(((high[i] >> g) & 1) << to);
  }
}

// Two bits each, to bits `to` and `to` + 1.
void add_two_bits(const uint8_t (*pairs)[64], int to, Quants q) {
  for (int g = 0; g < 8; ++g) {
    for (int i = 0; i < 64; ++i) {
      q[g][i] |= static_cast<uint8_t>(((pairs[g / 4][i] >> (2 * (g % 4))) & 3) << to);
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
  add_bit(p.high, 4, q);
}
void expand(const PanelQ5_1& p, Quants q) {
  expand_low(p.low, q);
  add_bit(p.high, 4, q);
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
  add_bit(p.sub[j].high, 4, q);
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

// Types with sub-blocks of 16 columns: an offset that is taken off, or mins.
struct Q2_K {
  using Panel = PanelQ2_K;
  static constexpr int kOffset = 0;
  static void expand(const Panel& p, int j, Quants q) {
    memset(q, 0, sizeof(Quants));
    add_two_bits(p.low[j], 0, q);
  }
  static int scale(const Panel& p, int j, int row) { return p.scales[j][row] & 15; }
  static int min(const Panel& p, int j, int row) { return p.scales[j][row] >> 4; }
  static float dmin(const Panel& p, int row) { return half_to_float(p.dmin[row]); }
};
template <typename AnyPanel, int kTypeOffset>
struct WithoutMins {
  using Panel = AnyPanel;
  static constexpr int kOffset = kTypeOffset;
  static int scale(const Panel& p, int j, int row) { return p.scales[j][row]; }
  static int min(const Panel& /*p*/, int /*j*/, int /*row*/) { return 0; }
  static float dmin(const Panel& /*p*/, int /*row*/) { return 0.0f; }
};
struct Q3_K : WithoutMins<PanelQ3_K, 4> {
  static void expand(const Panel& p, int j, Quants q) {
    memset(q, 0, sizeof(Quants));
    add_two_bits(p.sub[j].low, 0, q);
    add_bit(p.sub[j].high, 2, q);
  }
};
struct Q6_K : WithoutMins<PanelQ6_K, 32> {
  static void expand(const Panel& p, int j, Quants q) {
    expand_low(p.sub[j].low, q);
    add_two_bits(p.sub[j].high, 4, q);
  }
};

template <typename Type>
struct BlocksK16 {
  using Activation = Q8Block256;

  static void dot(const uint8_t* panel, const MatmulArgs& args, const uint8_t* activations,
                  float* acc) {
    const auto* block = reinterpret_cast<const typename Type::Panel*>(panel);
    for (int64_t b = 0; b < args.blocks; ++b, activations += args.block_stride) {
      const auto& x = *reinterpret_cast<const Q8Block256*>(activations);
      float total[kPanelRows] = {};
      int32_t minus_below[kPanelRows] = {};
      for (int j = 0; j < 16; ++j) {
        Quants q;
        Type::expand(block[b], j / 2, q);
        int32_t sums[kPanelRows];
        for (int32_t& sum : sums) sum = Type::kOffset * minus_sum16(x, j);
        dot_groups(q + 4 * (j % 2), 4, x.q + 16 * j, sums);
        for (int r = 0; r < kPanelRows; ++r) {
          const auto scale = static_cast<float>(Type::scale(block[b], j, r));
          total[r] += static_cast<float>(sums[r]) * (half_to_float(block[b].d[r]) * scale);
          minus_below[r] += Type::min(block[b], j, r) * minus_sum16(x, j);
        }
      }
      for (int r = 0; r < kPanelRows; ++r) {
        total[r] += static_cast<float>(minus_below[r]) * Type::dmin(block[b], r);
        acc[r] += total[r] * x.scale;
      }
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

// Weights of 16 bits: a block is widened once for some activation rows.
template <typename Panel, float (*kToFloat)(uint16_t)>
void matmul_floats(const MatmulArgs& args) {
  constexpr int64_t kColumns = 8;
  for (int64_t p = args.first_panel; p < args.last_panel; ++p) {
    const auto* block = reinterpret_cast<const Panel*>(args.panels + p * args.panel_bytes);
    const int64_t first_row = p * kPanelRows;
    const int64_t rows = args.rows - first_row < kPanelRows ? args.rows - first_row : kPanelRows;
    for (int64_t first = 0; first < args.n; first += kColumns) {
      const int64_t count = args.n - first < kColumns ? args.n - first : kColumns;
      float acc[kColumns][kPanelRows] = {};
      for (int64_t b = 0; b < args.blocks; ++b) {
        const auto* x =
            reinterpret_cast<const F32Block32*>(args.activations + b * args.block_stride) + first;
        float w[32][kPanelRows];
        for (int i = 0; i < 32 * kPanelRows; ++i) {
          w[i / kPanelRows][i % kPanelRows] = kToFloat(block[b].w[i / kPanelRows][i % kPanelRows]);
        }
        for (int64_t c = 0; c < count; ++c) {
          for (int k = 0; k < 32; ++k) {
            for (int r = 0; r < kPanelRows; ++r) acc[c][r] += w[k][r] * x[c].x[k];
          }
        }
      }
      for (int64_t c = 0; c < count; ++c) {
        memcpy(args.out + (first + c) * args.out_stride + first_row, acc[c],
               static_cast<size_t>(rows) * sizeof(float));
      }
    }
  }
}

}  // namespace

const MatrixKernels kMatrixKernelsGeneric = {
    {quantize_q8_32_generic, quantize_q8_256_generic, copy_f32},
    {matmul<Blocks32<PanelQ4_0, 8>>, matmul<Blocks32<PanelQ4_1, 0>>,
     matmul<Blocks32<PanelQ5_0, 16>>, matmul<Blocks32<PanelQ5_1, 0>>,
     matmul<Blocks32<PanelQ8_0, 128>>, matmul<BlocksK16<Q2_K>>, matmul<BlocksK16<Q3_K>>,
     matmul<BlocksK<PanelQ4_K>>, matmul<BlocksK<PanelQ5_K>>, matmul<BlocksK16<Q6_K>>,
     matmul_floats<PanelF16, half_to_float>, matmul_floats<PanelBF16, bfloat16_to_float>},
};

}  // namespace ix::backend::cpu
