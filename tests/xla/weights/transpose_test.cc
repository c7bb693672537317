#include "backend/xla/weights/transpose.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace ix::backend::xla {
namespace {

// Every size around whole squares, with strides beyond the sizes: numbers are their own places.
template <typename T>
void check_sizes() {
  constexpr int64_t kMost = 41;
  constexpr int64_t kInStride = kMost + 3;
  constexpr int64_t kOutStride = kMost + 5;
  constexpr T kUntouched = 77;
  std::vector<T> in(static_cast<size_t>(kMost * kInStride));
  std::iota(in.begin(), in.end(), T{100});
  for (const int64_t rows : {1, 7, 8, 9, 16, 31, 32, 41}) {
    for (const int64_t cols : {1, 5, 8, 15, 24, 41}) {
      std::vector<T> out(static_cast<size_t>(kMost * kOutStride), kUntouched);
      transpose<T>({in.data(), kInStride}, rows, cols, {out.data(), kOutStride});
      size_t wrong = 0;
      for (int64_t c = 0; c < kMost; ++c) {
        for (int64_t r = 0; r < kOutStride; ++r) {
          const bool inside = r < rows && c < cols;
          const T expected = inside ? in[static_cast<size_t>(r * kInStride + c)] : kUntouched;
          wrong += out[static_cast<size_t>(c * kOutStride + r)] != expected;
        }
      }
      EXPECT_EQ(wrong, 0U) << rows << " x " << cols;
    }
  }
}

TEST(Transpose, OfTwoBytesFillsExactlyItsPart) { check_sizes<uint16_t>(); }
TEST(Transpose, OfFourBytesFillsExactlyItsPart) { check_sizes<float>(); }

}  // namespace
}  // namespace ix::backend::xla
