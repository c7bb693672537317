#include "capi/results.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

namespace ix::capi::test {

std::vector<float> untouched(int64_t count) {
  return std::vector<float>(static_cast<size_t>(count), kUntouched);
}

void expect_untouched(const std::vector<float>& c) {
  for (const float value : c) ASSERT_EQ(value, kUntouched);
}

void expect_product(const std::vector<float>& got, const Reference& expected, int64_t k) {
  ASSERT_EQ(got.size(), expected.c.size());
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(expected.c[i])) {
      ASSERT_TRUE(std::isnan(got[i])) << i << ": " << got[i];
    } else if (std::isinf(expected.c[i])) {
      ASSERT_EQ(got[i], expected.c[i]) << i;
    } else {
      ASSERT_LE(std::fabs(got[i] - expected.c[i]), gamma(k) * expected.magnitude[i]) << i;
    }
  }
}

void expect_same_bits(const std::vector<float>& got, const std::vector<float>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  EXPECT_EQ(std::memcmp(got.data(), expected.data(), got.size() * sizeof(float)), 0);
}

}  // namespace ix::capi::test
