#include "doctor/host_array.h"

#include <gtest/gtest.h>

namespace ix::cli::doctor {
namespace {

TEST(HostArray, IsWhatADeviceHolds) {
  // 1/3 in bfloat16 is 0x3EAB = 0.333984375, in halves 0x3555 = 0.333251953125.
  const auto third = [](ElementType type) { return rounded(one_number(type, 1.0 / 3)).values[0]; };
  EXPECT_EQ(third(ElementType::bf16), 0.333984375);
  EXPECT_EQ(third(ElementType::f16), 0.333251953125);
  EXPECT_EQ(third(ElementType::f32), static_cast<double>(1.0F / 3));
}

TEST(HostArray, HasTheBytesOfItsType) {
  const auto bytes = [](ElementType type, double value) {
    return to_bytes(one_number(type, value));
  };
  using Bytes = std::vector<std::byte>;
  EXPECT_EQ(bytes(ElementType::s32, -2),
            (Bytes{std::byte{0xFE}, std::byte{0xFF}, std::byte{0xFF}, std::byte{0xFF}}));
  EXPECT_EQ(bytes(ElementType::bf16, 1), (Bytes{std::byte{0x80}, std::byte{0x3F}}));
  EXPECT_EQ(bytes(ElementType::s8, -1), (Bytes{std::byte{0xFF}}));
  EXPECT_EQ(bytes(ElementType::u8, 200), (Bytes{std::byte{200}}));
  EXPECT_EQ(bytes(ElementType::pred, 1), (Bytes{std::byte{1}}));
}

TEST(HostArray, OfEveryTypeComesBackFromItsBytes) {
  for (const char* name : {"pred", "s8", "u8", "s32", "u32", "f16", "bf16", "f32"}) {
    const auto type = parse_element_type(name);
    ASSERT_TRUE(type) << name;
    EXPECT_EQ(rounded(one_number(*type, 1)).values, std::vector<double>{1}) << name;
  }
  EXPECT_FALSE(parse_element_type("tuple"));
}

}  // namespace
}  // namespace ix::cli::doctor
