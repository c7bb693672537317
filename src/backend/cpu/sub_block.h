// A sub-block of one row, between a file block and a panel, and the loads and stores of its parts.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace ix::backend::cpu {

static_assert(std::endian::native == std::endian::little);

// 32 quants, one a byte, in the order of the columns.
struct SubBlock {
  uint32_t group[8];
};

inline uint32_t load32(const uint8_t* p) {
  uint32_t v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}

inline void store32(uint8_t* p, uint32_t v) { std::memcpy(p, &v, sizeof(v)); }

inline void copy16(uint16_t* to, const uint8_t* from) { std::memcpy(to, from, sizeof(*to)); }

}  // namespace ix::backend::cpu
