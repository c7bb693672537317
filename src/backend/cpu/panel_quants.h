// The quants of a sub-block of a panel, of one row: see Q in kernels/panel_format.h.
#pragma once

#include <cstdint>

#include "backend/cpu/sub_block.h"

namespace ix::backend::cpu {

// The low four bits of each quant.
inline void put_low(uint8_t (*low)[64], int row, const SubBlock& q) {
  for (int v = 0; v < 4; ++v) {
    store32(low[v] + 4 * row, (q.group[2 * v] & 0x0f0f0f0fu) | (q.group[2 * v + 1] & 0x0f0f0f0fu)
                                                                   << 4);
  }
}

inline void get_low(const uint8_t (*low)[64], int row, SubBlock& q) {
  for (int v = 0; v < 4; ++v) {
    const uint32_t both = load32(low[v] + 4 * row);
    q.group[2 * v] = both & 0x0f0f0f0fu;
    q.group[2 * v + 1] = (both >> 4) & 0x0f0f0f0fu;
  }
}

// Bit `from` of each quant.
inline void put_bit(int from, uint8_t* high, int row, const SubBlock& q) {
  uint32_t bits = 0;
  for (int g = 0; g < 8; ++g) bits |= ((q.group[g] >> from) & 0x01010101u) << g;
  store32(high + 4 * row, bits);
}

inline void add_bit(int from, const uint8_t* high, int row, SubBlock& q) {
  const uint32_t bits = load32(high + 4 * row);
  for (int g = 0; g < 8; ++g) q.group[g] |= ((bits >> g) & 0x01010101u) << from;
}

// Bits `from` and `from` + 1.
inline void put_two_bits(int from, uint8_t (*pairs)[64], int row, const SubBlock& q) {
  for (int v = 0; v < 2; ++v) {
    uint32_t bits = 0;
    for (int i = 0; i < 4; ++i) bits |= ((q.group[4 * v + i] >> from) & 0x03030303u) << (2 * i);
    store32(pairs[v] + 4 * row, bits);
  }
}

inline void add_two_bits(int from, const uint8_t (*pairs)[64], int row, SubBlock& q) {
  for (int g = 0; g < 8; ++g) {
    const uint32_t bits = load32(pairs[g / 4] + 4 * row);
    q.group[g] |= ((bits >> (2 * (g % 4))) & 0x03030303u) << from;
  }
}

}  // namespace ix::backend::cpu
