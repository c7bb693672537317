// Transposing a part of a tile.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ix::backend::xla {

// A part of a row-major array: element (row, col) is data[row * stride + col].
template <typename T>
struct Part {
  T* data;
  int64_t stride;
};

// out[c, r] = in[r, c] for r < rows, c < cols. The parts do not overlap.
template <typename T>
void transpose(Part<const T> in, int64_t rows, int64_t cols, Part<T> out) {
  for (int64_t c = 0; c < cols; ++c) {
    for (int64_t r = 0; r < rows; ++r) out.data[c * out.stride + r] = in.data[r * in.stride + c];
  }
}

// The same in squares of 8, which fill whole vectors.
template <>
void transpose(Part<const uint16_t> in, int64_t rows, int64_t cols, Part<uint16_t> out);

}  // namespace ix::backend::xla
