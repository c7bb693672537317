// Arrays for C, and what they hold after a call.
#pragma once

#include <cstdint>
#include <vector>

#include "capi/reference.h"

namespace ix::capi::test {

// In every place of an array that no call has written.
inline constexpr float kUntouched = 12345.0F;
std::vector<float> untouched(int64_t count);
void expect_untouched(const std::vector<float>& c);

// |got - reference| <= gamma(k) |A| |B|; where the sums in double are infinite or NaN, as they are.
void expect_product(const std::vector<float>& got, const Reference& expected, int64_t k);

void expect_same_bits(const std::vector<float>& got, const std::vector<float>& expected);

}  // namespace ix::capi::test
