// What the instruction sets' files of the exact product share in C: the head of a Q4_K block and
// the packing of B. Internal linkage throughout.
#pragma once

#include <stdint.h>
#include <string.h>

namespace ix::backend::cpu {
namespace {

// A Q4_K block as bytes: quant/blocks.h has functions that would be instantiated here.
constexpr int kScalesOffset = 4;
constexpr int kQuantsOffset = 16;

struct Q4KHead {
  uint16_t d;
  uint16_t dmin;
  uint32_t scales[2];  // 6 bits each in a byte: those of sub-blocks 0..3 and 4..7
  uint32_t mins[2];
};

inline Q4KHead unpack_head(const uint8_t* block) {
  Q4KHead head;
  uint32_t u[3];
  memcpy(&head.d, block, sizeof(head.d));
  memcpy(&head.dmin, block + 2, sizeof(head.dmin));
  memcpy(u, block + kScalesOffset, sizeof(u));
  head.scales[0] = u[0] & 0x3f3f3f3fU;
  head.scales[1] = (u[2] & 0x0f0f0f0fU) | ((u[0] >> 2) & 0x30303030U);
  head.mins[0] = u[1] & 0x3f3f3f3fU;
  head.mins[1] = ((u[2] >> 4) & 0x0f0f0f0fU) | ((u[1] >> 2) & 0x30303030U);
  return head;
}

using WidenFn = void (*)(const uint16_t* in, int64_t n, float* out);

template <WidenFn kWiden>
void pack_rows(const uint16_t* b, int64_t stride, int64_t depth, int columns, int width,
               float* tile) {
  for (int64_t k = 0; k < depth; ++k) kWiden(b + k * stride, columns, tile + k * width);
}

// kStep: how many halves of a column are widened at once.
template <WidenFn kWiden, int kStep>
void pack_columns(const uint16_t* b, int64_t stride, int64_t depth, int columns, int width,
                  float* tile) {
  for (int64_t k = 0; k < depth; k += kStep) {
    const int64_t count = depth - k < kStep ? depth - k : kStep;
    for (int j = 0; j < columns; ++j) {
      float part[kStep];
      kWiden(b + j * stride + k, count, part);
      for (int64_t i = 0; i < count; ++i) tile[(k + i) * width + j] = part[i];
    }
  }
}

}  // namespace
}  // namespace ix::backend::cpu
