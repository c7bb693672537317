#include "backend/cpu/pack_16_rows.h"

#include <cstring>

#include "backend/cpu/sub_block.h"

namespace ix::backend::cpu {
namespace {

static_assert(kPanelRows == 16);

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

}  // namespace

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

}  // namespace ix::backend::cpu
