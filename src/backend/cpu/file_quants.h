// The quants of a sub-block of a file block: see quant/blocks.h.
#pragma once

#include <cstdint>

#include "backend/cpu/sub_block.h"

namespace ix::backend::cpu {

// Four bits, one a byte, from bits 0..3 of x.
inline uint32_t spread_bits(uint32_t x) {
  return (x & 1u) | (x & 2u) << 7 | (x & 4u) << 14 | (x & 8u) << 21;
}

// 16 bytes: low nibbles are columns 0..15, high nibbles 16..31.
inline SubBlock nibbles_of_32(const uint8_t* qs) {
  SubBlock q;
  for (int g = 0; g < 4; ++g) {
    const uint32_t both = load32(qs + 4 * g);
    q.group[g] = both & 0x0f0f0f0fu;
    q.group[g + 4] = (both >> 4) & 0x0f0f0f0fu;
  }
  return q;
}

// One bit a column.
inline void add_bit4_of_32(const uint8_t* qh, SubBlock& q) {
  const uint32_t bits = load32(qh);
  for (int g = 0; g < 8; ++g) q.group[g] |= spread_bits(bits >> (4 * g)) << 4;
}

// Sub-block j of Q4_K and Q5_K: the low or high nibbles of 32 bytes.
inline SubBlock nibbles_of_256(const uint8_t* qs, int j) {
  SubBlock q;
  for (int g = 0; g < 8; ++g) {
    q.group[g] = (load32(qs + 32 * (j / 2) + 4 * g) >> (4 * (j % 2))) & 0x0f0f0f0fu;
  }
  return q;
}

// Bit j of 32 bytes becomes bit `to`.
inline void add_bit_of_256(int to, const uint8_t* qh, int j, SubBlock& q) {
  for (int g = 0; g < 8; ++g) q.group[g] |= ((load32(qh + 4 * g) >> j) & 0x01010101u) << to;
}

// Sub-block j of Q2_K and Q3_K: two bits of 32 bytes.
inline SubBlock two_bits_of_256(const uint8_t* qs, int j) {
  SubBlock q;
  for (int g = 0; g < 8; ++g) {
    q.group[g] = (load32(qs + 32 * (j / 4) + 4 * g) >> (2 * (j % 4))) & 0x03030303u;
  }
  return q;
}

inline SubBlock q6_k_sub_block(const uint8_t* ql, const uint8_t* qh, int j) {
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

}  // namespace ix::backend::cpu
