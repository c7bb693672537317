#include "backend/cpu/unpack_panels.h"

#include "backend/cpu/panel_blocks.h"
#include "backend/cpu/panel_quants.h"
#include "base/float16.h"

namespace ix::backend::cpu {
namespace {

// out = d * (q - offset), then + m.
void expand(const SubBlock& q, int offset, float d, int count, float* out) {
  for (int i = 0; i < count; ++i) {
    const int value = static_cast<int>((q.group[i / 4] >> (8 * (i % 4))) & 0xffu) - offset;
    out[i] = d * static_cast<float>(value);
  }
}

void add(float m, int count, float* out) {
  for (int i = 0; i < count; ++i) out[i] += m;
}

void unpack_block(const PanelQ4_0& p, int row, float* out) {
  SubBlock q;
  get_low(p.low, row, q);
  expand(q, 8, half_to_float(p.d[row]), 32, out);
}

void unpack_block(const PanelQ4_1& p, int row, float* out) {
  SubBlock q;
  get_low(p.low, row, q);
  expand(q, 0, half_to_float(p.d[row]), 32, out);
  add(half_to_float(p.m[row]), 32, out);
}

void unpack_block(const PanelQ5_0& p, int row, float* out) {
  SubBlock q;
  get_low(p.low, row, q);
  add_bit(4, p.high, row, q);
  expand(q, 16, half_to_float(p.d[row]), 32, out);
}

void unpack_block(const PanelQ5_1& p, int row, float* out) {
  SubBlock q;
  get_low(p.low, row, q);
  add_bit(4, p.high, row, q);
  expand(q, 0, half_to_float(p.d[row]), 32, out);
  add(half_to_float(p.m[row]), 32, out);
}

void unpack_block(const PanelQ8_0& p, int row, float* out) {
  SubBlock q;
  for (int g = 0; g < 8; ++g) q.group[g] = load32(p.q[g] + 4 * row);
  expand(q, 128, half_to_float(p.d[row]), 32, out);
}

template <typename PanelK>
void expand_k(const PanelK& p, int row, int j, const SubBlock& q, float* out) {
  const uint8_t min = p.mins[j / 2][row][j % 2];
  expand(q, 0, half_to_float(p.d[row]) * static_cast<float>(p.scales[j][row]), 32, out);
  add(-(half_to_float(p.dmin[row]) * static_cast<float>(min)), 32, out);
}

void unpack_block(const PanelQ4_K& p, int row, float* out) {
  for (int j = 0; j < 8; ++j) {
    SubBlock q;
    get_low(p.low[j], row, q);
    expand_k(p, row, j, q, out + 32 * j);
  }
}

void unpack_block(const PanelQ5_K& p, int row, float* out) {
  for (int j = 0; j < 8; ++j) {
    SubBlock q;
    get_low(p.sub[j].low, row, q);
    add_bit(4, p.sub[j].high, row, q);
    expand_k(p, row, j, q, out + 32 * j);
  }
}

// The two sub-blocks of 16 of q, with the scale of each.
void expand_halves(SubBlock q, int offset, float first, float second, float* out) {
  expand(q, offset, first, 16, out);
  for (int g = 0; g < 4; ++g) q.group[g] = q.group[g + 4];
  expand(q, offset, second, 16, out + 16);
}

void unpack_block(const PanelQ2_K& p, int row, float* out) {
  const float d = half_to_float(p.d[row]);
  const float dmin = half_to_float(p.dmin[row]);
  for (int j = 0; j < 8; ++j, out += 32) {
    SubBlock q{};
    add_two_bits(0, p.low[j], row, q);
    const int first = p.scales[2 * j][row];
    const int second = p.scales[2 * j + 1][row];
    expand_halves(q, 0, d * static_cast<float>(first & 15), d * static_cast<float>(second & 15),
                  out);
    add(-(dmin * static_cast<float>(first >> 4)), 16, out);
    add(-(dmin * static_cast<float>(second >> 4)), 16, out + 16);
  }
}

void unpack_block(const PanelQ3_K& p, int row, float* out) {
  const float d = half_to_float(p.d[row]);
  for (int j = 0; j < 8; ++j) {
    SubBlock q{};
    add_two_bits(0, p.sub[j].low, row, q);
    add_bit(2, p.sub[j].high, row, q);
    expand_halves(q, 4, d * static_cast<float>(p.scales[2 * j][row]),
                  d * static_cast<float>(p.scales[2 * j + 1][row]), out + 32 * j);
  }
}

void unpack_block(const PanelQ6_K& p, int row, float* out) {
  const float d = half_to_float(p.d[row]);
  for (int j = 0; j < 8; ++j) {
    SubBlock q;
    get_low(p.sub[j].low, row, q);
    add_two_bits(4, p.sub[j].high, row, q);
    expand_halves(q, 32, d * static_cast<float>(p.scales[2 * j][row]),
                  d * static_cast<float>(p.scales[2 * j + 1][row]), out + 32 * j);
  }
}

void unpack_block(const PanelF16& p, int row, float* out) {
  for (int k = 0; k < 32; ++k) out[k] = half_to_float(p.w[k][row]);
}

void unpack_block(const PanelBF16& p, int row, float* out) {
  for (int k = 0; k < 32; ++k) out[k] = bfloat16_to_float(p.w[k][row]);
}

}  // namespace

void unpack_row(PackedType type, const uint8_t* panel, int64_t blocks, int row, float* out) {
  const int64_t cols = kPanelTraits[static_cast<int>(type)].block_cols;
  with_blocks(type, panel, [&](const auto* from) {
    for (int64_t b = 0; b < blocks; ++b) unpack_block(from[b], row, out + b * cols);
  });
}

}  // namespace ix::backend::cpu
