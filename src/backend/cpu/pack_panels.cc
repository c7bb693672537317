#include "backend/cpu/pack_panels.h"

#include <cstring>

#include "backend/cpu/file_quants.h"
#include "backend/cpu/pack_16_rows.h"
#include "backend/cpu/panel_blocks.h"
#include "backend/cpu/panel_quants.h"
#include "base/checked_math.h"
#include "quant/blocks.h"

namespace ix::backend::cpu {
namespace {

// pack_block: one file block of one row into a panel's block.

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

// A file block of each of kPanelRows rows, row_bytes apart.
template <typename Panel>
void pack_all_rows(const uint8_t* s, int64_t row_bytes, Panel& p) {
  if constexpr (requires { pack_16_rows(s, row_bytes, p); }) {
    pack_16_rows(s, row_bytes, p);
  } else {
    for (int row = 0; row < kPanelRows; ++row) pack_block(s + row * row_bytes, row, p);
  }
}

}  // namespace

void pack_panel(PackedType type, const std::byte* source, int64_t row_bytes, int64_t rows,
                int64_t blocks, uint8_t* panel) {
  const PanelTraits& traits = kPanelTraits[static_cast<int>(type)];
  const int64_t used = blocks * traits.block_bytes;
  const int64_t zeros_from = rows < kPanelRows ? 0 : used;
  std::memset(panel + zeros_from, 0, static_cast<size_t>(round_up<int64_t>(used, 64) - zeros_from));
  const auto* from = reinterpret_cast<const uint8_t*>(source);
  with_blocks(type, panel, [&](auto* to) {
    for (int64_t b = 0; b < blocks; ++b) {
      const uint8_t* block = from + b * traits.source_bytes;
      if (rows == kPanelRows) {
        pack_all_rows(block, row_bytes, to[b]);
        continue;
      }
      for (int row = 0; row < rows; ++row) pack_block(block + row * row_bytes, row, to[b]);
    }
  });
}

}  // namespace ix::backend::cpu
