#include "backend/cpu/pack_panels.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>

#include "base/checked_math.h"
#include "base/float16.h"
#include "quant/blocks.h"

// File blocks: see quant/blocks.h. A sub-block is 32 columns, 8 dwords of 4 quants,
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

// Bit `from` of each quant.
void put_bit(int from, uint8_t* high, int row, const SubBlock& q) {
  uint32_t bits = 0;
  for (int g = 0; g < 8; ++g) bits |= ((q.group[g] >> from) & 0x01010101u) << g;
  store32(high + 4 * row, bits);
}

void add_bit(int from, const uint8_t* high, int row, SubBlock& q) {
  const uint32_t bits = load32(high + 4 * row);
  for (int g = 0; g < 8; ++g) q.group[g] |= ((bits >> g) & 0x01010101u) << from;
}

// Bits `from` and `from` + 1.
void put_two_bits(int from, uint8_t (*pairs)[64], int row, const SubBlock& q) {
  for (int v = 0; v < 2; ++v) {
    uint32_t bits = 0;
    for (int i = 0; i < 4; ++i) bits |= ((q.group[4 * v + i] >> from) & 0x03030303u) << (2 * i);
    store32(pairs[v] + 4 * row, bits);
  }
}

void add_two_bits(int from, const uint8_t (*pairs)[64], int row, SubBlock& q) {
  for (int g = 0; g < 8; ++g) {
    const uint32_t bits = load32(pairs[g / 4] + 4 * row);
    q.group[g] |= ((bits >> (2 * (g % 4))) & 0x03030303u) << from;
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

// Bit j of 32 bytes becomes bit `to`.
void add_bit_of_256(int to, const uint8_t* qh, int j, SubBlock& q) {
  for (int g = 0; g < 8; ++g) q.group[g] |= ((load32(qh + 4 * g) >> j) & 0x01010101u) << to;
}

// Sub-block j of Q2_K and Q3_K: two bits of 32 bytes.
SubBlock two_bits_of_256(const uint8_t* qs, int j) {
  SubBlock q;
  for (int g = 0; g < 8; ++g) {
    q.group[g] = (load32(qs + 32 * (j / 4) + 4 * g) >> (2 * (j % 4))) & 0x03030303u;
  }
  return q;
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
  put_bit(4, p.high, row, q);
}

void pack_block(const uint8_t* s, int row, PanelQ5_1& p) {
  copy16(p.d + row, s);
  copy16(p.m + row, s + 2);
  SubBlock q = nibbles_of_32(s + 8);
  add_bit4_of_32(s + 4, q);
  put_low(p.low, row, q);
  put_bit(4, p.high, row, q);
}

void pack_block(const uint8_t* s, int row, PanelQ8_0& p) {
  copy16(p.d + row, s);
  for (int g = 0; g < 8; ++g) store32(p.q[g] + 4 * row, load32(s + 2 + 4 * g) ^ 0x80808080u);
}

void pack_block(const uint8_t* s, int row, PanelQ2_K& p) {
  const auto& block = *reinterpret_cast<const quant::BlockQ2K*>(s);
  p.d[row] = block.d;
  p.dmin[row] = block.dmin;
  for (int j = 0; j < 16; ++j) p.scales[j][row] = block.scales[j];
  for (int j = 0; j < 8; ++j) put_two_bits(0, p.low[j], row, two_bits_of_256(block.qs, j));
}

void pack_block(const uint8_t* s, int row, PanelQ3_K& p) {
  const auto& block = *reinterpret_cast<const quant::BlockQ3K*>(s);
  p.d[row] = block.d;
  for (int j = 0; j < 16; ++j) {
    p.scales[j][row] = static_cast<int8_t>(quant::unpack_q3k_scale(block.scales, j) - 32);
  }
  for (int j = 0; j < 8; ++j) {
    SubBlock q = two_bits_of_256(block.qs, j);
    add_bit_of_256(2, block.hmask, j, q);
    put_two_bits(0, p.sub[j].low, row, q);
    put_bit(2, p.sub[j].high, row, q);
  }
}

template <typename PanelK>
void pack_k_scales(const uint8_t* s, int row, PanelK& p) {
  copy16(p.d + row, s);
  copy16(p.dmin + row, s + 2);
  const auto& packed = *reinterpret_cast<const uint8_t(*)[quant::kPackedScaleBytes]>(s + 4);
  for (int j = 0; j < 8; ++j) {
    const quant::ScaleMin scale_min = quant::unpack_scale_min(packed, j);
    p.scales[j][row] = scale_min.scale;
    p.mins[j / 2][row][j % 2] = scale_min.min;
  }
}

void pack_block(const uint8_t* s, int row, PanelQ4_K& p) {
  pack_k_scales(s, row, p);
  for (int j = 0; j < 8; ++j) put_low(p.low[j], row, nibbles_of_256(s + 16, j));
}

void pack_block(const uint8_t* s, int row, PanelQ5_K& p) {
  pack_k_scales(s, row, p);
  for (int j = 0; j < 8; ++j) {
    SubBlock q = nibbles_of_256(s + 48, j);
    add_bit_of_256(4, s + 16, j, q);
    put_low(p.sub[j].low, row, q);
    put_bit(4, p.sub[j].high, row, q);
  }
}

void pack_block(const uint8_t* s, int row, PanelQ6_K& p) {
  copy16(p.d + row, s + 208);
  for (int j = 0; j < 16; ++j) p.scales[j][row] = static_cast<int8_t>(s[192 + j]);
  for (int j = 0; j < 8; ++j) {
    const SubBlock q = q6_k_sub_block(s, s + 128, j);
    put_low(p.sub[j].low, row, q);
    put_two_bits(4, p.sub[j].high, row, q);
  }
}

template <typename Panel16>
void pack_16_bits(const uint8_t* s, int row, Panel16& p) {
  for (int k = 0; k < 32; ++k) copy16(p.w[k] + row, s + 2 * k);
}

void pack_block(const uint8_t* s, int row, PanelF16& p) { pack_16_bits(s, row, p); }

void pack_block(const uint8_t* s, int row, PanelBF16& p) { pack_16_bits(s, row, p); }

// --- the same for 16 rows at once, where most of loading a model is spent
// -------------------------

// A dword of each row.
struct Dwords {
  uint32_t row[kPanelRows];
};

// `count` dwords of each row.
void gather(const uint8_t* s, int64_t row_bytes, int count, Dwords* out) {
  for (int row = 0; row < kPanelRows; ++row, s += row_bytes) {
    for (int k = 0; k < count; ++k) out[k].row[row] = load32(s + 4 * k);
  }
}

void gather16(const uint8_t* s, int64_t row_bytes, uint16_t* out) {
  for (int row = 0; row < kPanelRows; ++row) copy16(out + row, s + row * row_bytes);
}

// 32 bytes of each row: the low nibbles to one sub-block, the high ones to another.
void put_nibbles(const Dwords (&q)[8], uint8_t (*first)[64], uint8_t (*second)[64]) {
  for (int v = 0; v < 4; ++v) {
    Dwords low;
    Dwords high;
    for (int row = 0; row < kPanelRows; ++row) {
      const uint32_t even = q[2 * v].row[row];
      const uint32_t odd = q[2 * v + 1].row[row];
      low.row[row] = (even & 0x0f0f0f0fu) | (odd & 0x0f0f0f0fu) << 4;
      high.row[row] = ((even >> 4) & 0x0f0f0f0fu) | (odd & 0xf0f0f0f0u);
    }
    std::memcpy(first[v], &low, sizeof(low));
    std::memcpy(second[v], &high, sizeof(high));
  }
}

// Bits 2 * quarter and 2 * quarter + 1 of every byte.
void put_pairs(const Dwords (&q)[8], int quarter, uint8_t (*pairs)[64]) {
  for (int v = 0; v < 2; ++v) {
    Dwords bits{};
    for (int i = 0; i < 4; ++i) {
      for (int row = 0; row < kPanelRows; ++row) {
        bits.row[row] |= ((q[4 * v + i].row[row] >> (2 * quarter)) & 0x03030303u) << (2 * i);
      }
    }
    std::memcpy(pairs[v], &bits, sizeof(bits));
  }
}

// Byte b of each row to bytes[b].
template <typename Byte>
void put_bytes(const Dwords& q, Byte (*bytes)[kPanelRows]) {
  for (int b = 0; b < 4; ++b) {
    for (int row = 0; row < kPanelRows; ++row) {
      bytes[b][row] = static_cast<Byte>(q.row[row] >> (8 * b));
    }
  }
}

void pack_16_rows(const uint8_t* s, int64_t row_bytes, PanelQ4_K& p) {
  gather16(s, row_bytes, p.d);
  gather16(s + 2, row_bytes, p.dmin);
  Dwords packed[3];
  gather(s + 4, row_bytes, 3, packed);
  Dwords scales[2];
  Dwords mins[2];
  for (int row = 0; row < kPanelRows; ++row) {  // quant::unpack_scale_min, four at once
    const uint32_t a = packed[0].row[row];
    const uint32_t b = packed[1].row[row];
    const uint32_t c = packed[2].row[row];
    scales[0].row[row] = a & 0x3f3f3f3fu;
    mins[0].row[row] = b & 0x3f3f3f3fu;
    scales[1].row[row] = (c & 0x0f0f0f0fu) | ((a >> 2) & 0x30303030u);
    mins[1].row[row] = ((c >> 4) & 0x0f0f0f0fu) | ((b >> 2) & 0x30303030u);
  }
  for (int i = 0; i < 2; ++i) {
    put_bytes(scales[i], p.scales + 4 * i);
    for (int row = 0; row < kPanelRows; ++row) {
      std::memcpy(p.mins[2 * i][row], &mins[i].row[row], 2);
      const uint32_t next = mins[i].row[row] >> 16;
      std::memcpy(p.mins[2 * i + 1][row], &next, 2);
    }
  }
  Dwords q[8];
  for (int j = 0; j < 8; j += 2) {
    gather(s + 16 + 16 * j, row_bytes, 8, q);
    put_nibbles(q, p.low[j], p.low[j + 1]);
  }
}

void pack_16_rows(const uint8_t* s, int64_t row_bytes, PanelQ6_K& p) {
  gather16(s + 208, row_bytes, p.d);
  Dwords scales[4];
  gather(s + 192, row_bytes, 4, scales);
  for (int i = 0; i < 4; ++i) put_bytes(scales[i], p.scales + 4 * i);
  Dwords q[8];
  for (int half = 0; half < 2; ++half) {
    auto* sub = p.sub + 4 * half;
    for (int j = 0; j < 2; ++j) {
      gather(s + 64 * half + 32 * j, row_bytes, 8, q);
      put_nibbles(q, sub[j].low, sub[j + 2].low);
    }
    gather(s + 128 + 32 * half, row_bytes, 8, q);
    for (int quarter = 0; quarter < 4; ++quarter) put_pairs(q, quarter, sub[quarter].high);
  }
}

template <typename Panel>
void pack_16_rows(const uint8_t* s, int64_t row_bytes, Panel& p) {
  for (int row = 0; row < kPanelRows; ++row) pack_block(s + row * row_bytes, row, p);
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
    case PackedType::q2_k:
      return f(reinterpret_cast<ConstLike<PanelQ2_K, Byte>*>(panel));
    case PackedType::q3_k:
      return f(reinterpret_cast<ConstLike<PanelQ3_K, Byte>*>(panel));
    case PackedType::q4_k:
      return f(reinterpret_cast<ConstLike<PanelQ4_K, Byte>*>(panel));
    case PackedType::q5_k:
      return f(reinterpret_cast<ConstLike<PanelQ5_K, Byte>*>(panel));
    case PackedType::q6_k:
      return f(reinterpret_cast<ConstLike<PanelQ6_K, Byte>*>(panel));
    case PackedType::f16:
      return f(reinterpret_cast<ConstLike<PanelF16, Byte>*>(panel));
    case PackedType::bf16:
      return f(reinterpret_cast<ConstLike<PanelBF16, Byte>*>(panel));
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
      if (rows == kPanelRows) {
        pack_16_rows(from, row_bytes, to[b]);
        continue;
      }
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
