#include "backend/xla/weights/transpose.h"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace ix::backend::xla {
namespace {

constexpr int64_t kSide = 8;

using Row = uint16_t __attribute__((vector_size(16)));  // 8 elements

// Elements of a and b in turn, from the lower halves of both.
Row low_elements(Row a, Row b) { return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
Row high_elements(Row a, Row b) {
  return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

// Three rounds of interleaving rows that lie 4 apart: element (r, c) ends at (c, r).
void transpose_square(const uint16_t* in, int64_t in_stride, uint16_t* out, int64_t out_stride) {
  Row rows[kSide];
  for (int64_t r = 0; r < kSide; ++r) std::memcpy(&rows[r], in + r * in_stride, sizeof(Row));
  for (int round = 0; round < 3; ++round) {
    Row mixed[kSide];
    for (int64_t r = 0; r < kSide / 2; ++r) {
      mixed[2 * r] = low_elements(rows[r], rows[r + kSide / 2]);
      mixed[2 * r + 1] = high_elements(rows[r], rows[r + kSide / 2]);
    }
    std::copy(std::begin(mixed), std::end(mixed), std::begin(rows));
  }
  for (int64_t r = 0; r < kSide; ++r) std::memcpy(out + r * out_stride, &rows[r], sizeof(Row));
}

}  // namespace

template <>
void transpose(Part<const uint16_t> in, int64_t rows, int64_t cols, Part<uint16_t> out) {
  const int64_t whole_rows = rows / kSide * kSide;
  const int64_t whole_cols = cols / kSide * kSide;
  for (int64_t c = 0; c < whole_cols; c += kSide) {
    for (int64_t r = 0; r < whole_rows; r += kSide) {
      transpose_square(in.data + r * in.stride + c, in.stride, out.data + c * out.stride + r,
                       out.stride);
    }
  }
  // The edges beside the squares.
  for (int64_t c = 0; c < cols; ++c) {
    const int64_t first = c < whole_cols ? whole_rows : 0;
    for (int64_t r = first; r < rows; ++r) {
      out.data[c * out.stride + r] = in.data[r * in.stride + c];
    }
  }
}

}  // namespace ix::backend::xla
