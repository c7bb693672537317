#include "backend/cpu/pack_panels.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>

#include "base/checked_math.h"
#include "base/float16.h"

// File blocks: see the formats in ggml-common.h. A sub-block is 32 columns, 8 dwords of 4 quants,
// in the order of the columns.
namespace ix::backend::cpu {
namespace {

static_assert(std::endian::native == std::endian::little);

struct SubBlock {
  uint32_t group[8];
};

const uint8_t* as_bytes(const std::byte* p) { return reinterpret_cast<const uint8_t*>(p); }

uint32_t load32(const uint8_t* p) {
  uint32_t v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}

void store32(uint8_t* p, uint32_t v) { std::memcpy(p, &v, sizeof(v)); }

void copy16(uint16_t* to, const uint8_t* from) { std::memcpy(to, from, sizeof(*to)); }

// Four bits, one a byte, from bits 0..3 of x.
uint32_t spread_bits(uint32_t x) {
  return (x & 1u) | (x & 2u) << 7 | (x & 4u) << 14 | (x & 8u) << 21;
}

// --- quants of a panel's sub-block, of one row -------------------------------------------------

void put_low(uint8_t (*low)[64], int row, const SubBlock& q) {
  for (int v = 0; v < 4; ++v) {
    store32(low[v] + 4 * row, (q.group[2 * v] & 0x0f0f0f0fu) | (q.group[2 * v + 1] & 0x0f0f0f0fu)
                                                                   << 4);
  }
}

void get_low(const uint8_t (*low)[64], int row, SubBlock& q) {
  for (int v = 0; v < 4; ++v) {
    const uint32_t both = load32(low[v] + 4 * row);
    q.group[2 * v] = both & 0x0f0f0f0fu;
    q.group[2 * v + 1] = (both >> 4) & 0x0f0f0f0fu;
  }
}

void put_bit4(uint8_t* high, int row, const SubBlock& q) {
  uint32_t bits = 0;
  for (int g = 0; g < 8; ++g) bits |= ((q.group[g] >> 4) & 0x01010101u) << g;
  store32(high + 4 * row, bits);
}

void get_bit4(const uint8_t* high, int row, SubBlock& q) {
  const uint32_t bits = load32(high + 4 * row);
  for (int g = 0; g < 8; ++g) q.group[g] |= ((bits >> g) & 0x01010101u) << 4;
}

void put_bits45(uint8_t (*high)[64], int row, const SubBlock& q) {
  for (int v = 0; v < 2; ++v) {
    uint32_t bits = 0;
    for (int i = 0; i < 4; ++i) bits |= ((q.group[4 * v + i] >> 4) & 0x03030303u) << (2 * i);
    store32(high[v] + 4 * row, bits);
  }
}

void get_bits45(const uint8_t (*high)[64], int row, SubBlock& q) {
  for (int g = 0; g < 8; ++g) {
    const uint32_t bits = load32(high[g / 4] + 4 * row);
    q.group[g] |= ((bits >> (2 * (g % 4))) & 0x03030303u) << 4;
  }
}

// --- quants of file blocks ---------------------------------------------------------------------

// 16 bytes: low nibbles are columns 0..15, high nibbles 16..31.
SubBlock nibbles_of_32(const uint8_t* qs) {
  SubBlock q;
  for (int g = 0; g < 4; ++g) {
    const uint32_t both = load32(qs + 4 * g);
    q.group[g] = both & 0x0f0f0f0fu;
    q.group[g + 4] = (both >> 4) & 0x0f0f0f0fu;
  }
  return q;
}

// One bit a column.
void add_bit4_of_32(const uint8_t* qh, SubBlock& q) {
  const uint32_t bits = load32(qh);
  for (int g = 0; g < 8; ++g) q.group[g] |= spread_bits(bits >> (4 * g)) << 4;
}

// Sub-block j of Q4_K and Q5_K: the low or high nibbles of 32 bytes.
SubBlock nibbles_of_256(const uint8_t* qs, int j) {
  SubBlock q;
  for (int g = 0; g < 8; ++g) {
    q.group[g] = (load32(qs + 32 * (j / 2) + 4 * g) >> (4 * (j % 2))) & 0x0f0f0f0fu;
  }
  return q;
}

void add_bit4_of_256(const uint8_t* qh, int j, SubBlock& q) {
  for (int g = 0; g < 8; ++g) q.group[g] |= ((load32(qh + 4 * g) >> j) & 0x01010101u) << 4;
}

SubBlock q6_k_sub_block(const uint8_t* ql, const uint8_t* qh, int j) {
  const int half = j / 4;
  const int quarter = j % 4;
  const uint8_t* low = ql + 64 * half + 32 * (quarter % 2);
  const uint8_t* high = qh + 32 * half;
  SubBlock q;
  for (int g = 0; g < 8; ++g) {
    q.group[g] = ((load32(low + 4 * g) >> (4 * (quarter / 2))) & 0x0f0f0f0fu) |
                 ((load32(high + 4 * g) >> (2 * quarter)) & 0x03030303u) << 4;
  }
  return q;
}

// 6-bit scale and min of sub-block j.
void k_scale_min(const uint8_t* scales, int j, uint8_t* scale, uint8_t* min) {
  if (j < 4) {
    *scale = scales[j] & 63;
    *min = scales[j + 4] & 63;
  } else {
    *scale = static_cast<uint8_t>((scales[j + 4] & 15) | (scales[j - 4] >> 6) << 4);
    *min = static_cast<uint8_t>((scales[j + 4] >> 4) | (scales[j] >> 6) << 4);
  }
}

// --- one file block of one row into a panel's block ----------------------------------------------

void pack_block(const uint8_t* s, int row, PanelQ4_0& p) {
  copy16(p.d + row, s);
  put_low(p.low, row, nibbles_of_32(s + 2));
}

void pack_block(const uint8_t* s, int row, PanelQ4_1& p) {
  copy16(p.d + row, s);
  copy16(p.m + row, s + 2);
  put_low(p.low, row, nibbles_of_32(s + 4));
}

void pack_block(const uint8_t* s, int row, PanelQ5_0& p) {
  copy16(p.d + row, s);
  SubBlock q = nibbles_of_32(s + 6);
  add_bit4_of_32(s + 2, q);
  put_low(p.low, row, q);
  put_bit4(p.high, row, q);
}

void pack_block(const uint8_t* s, int row, PanelQ5_1& p) {
  copy16(p.d + row, s);
  copy16(p.m + row, s + 2);
  SubBlock q = nibbles_of_32(s + 8);
  add_bit4_of_32(s + 4, q);
  put_low(p.low, row, q);
  put_bit4(p.high, row, q);
}

void pack_block(const uint8_t* s, int row, PanelQ8_0& p) {
  copy16(p.d + row, s);
  for (int g = 0; g < 8; ++g) store32(p.q[g] + 4 * row, load32(s + 2 + 4 * g) ^ 0x80808080u);
}

template <typename PanelK>
void pack_k_scales(const uint8_t* s, int row, PanelK& p) {
  copy16(p.d + row, s);
  copy16(p.dmin + row, s + 2);
  for (int j = 0; j < 8; ++j) k_scale_min(s + 4, j, &p.scales[j][row], &p.mins[j / 2][row][j % 2]);
}

void pack_block(const uint8_t* s, int row, PanelQ4_K& p) {
  pack_k_scales(s, row, p);
  for (int j = 0; j < 8; ++j) put_low(p.low[j], row, nibbles_of_256(s + 16, j));
}

void pack_block(const uint8_t* s, int row, PanelQ5_K& p) {
  pack_k_scales(s, row, p);
  for (int j = 0; j < 8; ++j) {
    SubBlock q = nibbles_of_256(s + 48, j);
    add_bit4_of_256(s + 16, j, q);
    put_low(p.sub[j].low, row, q);
    put_bit4(p.sub[j].high, row, q);
  }
}

void pack_block(const uint8_t* s, int row, PanelQ6_K& p) {
  copy16(p.d + row, s + 208);
  for (int j = 0; j < 16; ++j) p.scales[j][row] = static_cast<int8_t>(s[192 + j]);
  for (int j = 0; j < 8; ++j) {
    const SubBlock q = q6_k_sub_block(s, s + 128, j);
    put_low(p.sub[j].low, row, q);
    put_bits45(p.sub[j].high, row, q);
  }
}

// --- and back ------------------------------------------------------------------------------------

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
  get_bit4(p.high, row, q);
  expand(q, 16, half_to_float(p.d[row]), 32, out);
}

void unpack_block(const PanelQ5_1& p, int row, float* out) {
  SubBlock q;
  get_low(p.low, row, q);
  get_bit4(p.high, row, q);
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
  expand(q, 0, half_to_float(p.d[row]) * static_cast<float>(p.scales[j][row]), 32, out);
  add(-(half_to_float(p.dmin[row]) * static_cast<float>(p.mins[j / 2][row][j % 2])), 32, out);
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
    get_bit4(p.sub[j].high, row, q);
    expand_k(p, row, j, q, out + 32 * j);
  }
}

void unpack_block(const PanelQ6_K& p, int row, float* out) {
  const float d = half_to_float(p.d[row]);
  for (int j = 0; j < 8; ++j) {
    SubBlock q;
    get_low(p.sub[j].low, row, q);
    get_bits45(p.sub[j].high, row, q);
    expand(q, 32, d * static_cast<float>(p.scales[2 * j][row]), 16, out + 32 * j);
    for (int g = 0; g < 4; ++g) q.group[g] = q.group[g + 4];
    expand(q, 32, d * static_cast<float>(p.scales[2 * j + 1][row]), 16, out + 32 * j + 16);
  }
}

template <typename To, typename From>
using ConstLike = std::conditional_t<std::is_const_v<From>, const To, To>;

// Calls f with `panel` as a pointer to the type's blocks.
template <typename Byte, typename F>
void with_blocks(PackedType type, Byte* panel, F f) {
  switch (type) {
    case PackedType::q4_0:
      return f(reinterpret_cast<ConstLike<PanelQ4_0, Byte>*>(panel));
    case PackedType::q4_1:
      return f(reinterpret_cast<ConstLike<PanelQ4_1, Byte>*>(panel));
    case PackedType::q5_0:
      return f(reinterpret_cast<ConstLike<PanelQ5_0, Byte>*>(panel));
    case PackedType::q5_1:
      return f(reinterpret_cast<ConstLike<PanelQ5_1, Byte>*>(panel));
    case PackedType::q8_0:
      return f(reinterpret_cast<ConstLike<PanelQ8_0, Byte>*>(panel));
    case PackedType::q4_k:
      return f(reinterpret_cast<ConstLike<PanelQ4_K, Byte>*>(panel));
    case PackedType::q5_k:
      return f(reinterpret_cast<ConstLike<PanelQ5_K, Byte>*>(panel));
    case PackedType::q6_k:
      return f(reinterpret_cast<ConstLike<PanelQ6_K, Byte>*>(panel));
  }
}

}  // namespace

void pack_panel(PackedType type, const std::byte* source, int64_t row_bytes, int64_t rows,
                int64_t blocks, uint8_t* panel) {
  const PanelTraits& traits = kPanelTraits[static_cast<int>(type)];
  const int64_t used = blocks * traits.block_bytes;
  const int64_t zeros_from = rows < kPanelRows ? 0 : used;
  std::memset(panel + zeros_from, 0, static_cast<size_t>(round_up<int64_t>(used, 64) - zeros_from));
  with_blocks(type, panel, [&](auto* to) {
    for (int64_t b = 0; b < blocks; ++b) {
      const uint8_t* from = as_bytes(source) + b * traits.source_bytes;
      for (int row = 0; row < rows; ++row) pack_block(from + row * row_bytes, row, to[b]);
    }
  });
}

void unpack_row(PackedType type, const uint8_t* panel, int64_t blocks, int row, float* out) {
  const int64_t cols = kPanelTraits[static_cast<int>(type)].block_cols;
  with_blocks(type, panel, [&](const auto* from) {
    for (int64_t b = 0; b < blocks; ++b) unpack_block(from[b], row, out + b * cols);
  });
}

}  // namespace ix::backend::cpu
