#include "quant/tensor_type.h"

#include <gtest/gtest.h>

#include <limits>

namespace ix::quant {
namespace {

TEST(TensorTypeTraits, NameTypesAsModelsAreNamed) {
  EXPECT_EQ(type_name(TensorType::q4_k), "Q4_K");
  EXPECT_EQ(type_name(TensorType::iq4_xs), "IQ4_XS");
  EXPECT_EQ(type_name(static_cast<TensorType>(77)), "type 77");
}

TEST(TensorTypeTraits, HaveNoTypesThatWereTakenBack) {
  for (const uint32_t id : {4u, 5u, 31u, 32u, 33u, 36u, 37u, 38u, 43u, 0xffffffffu}) {
    EXPECT_EQ(find_traits(static_cast<TensorType>(id)), nullptr) << id;
  }
}

TEST(RowBytes, AreBlocksTimesTheirSize) {
  EXPECT_EQ(row_bytes(TensorType::f32, 3).value(), 12);
  EXPECT_EQ(row_bytes(TensorType::q4_k, 2048).value(), 8 * 144);
  EXPECT_EQ(row_bytes(TensorType::q5_0, 640).value(), 20 * 22);
  EXPECT_EQ(row_bytes(TensorType::q8_0, 0).value(), 0);
}

TEST(RowBytes, RefuseARowThatIsNotWholeBlocks) {
  const auto result = row_bytes(TensorType::q4_k, 640);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.status().code(), StatusCode::invalid_argument);
  EXPECT_NE(result.status().message().find("Q4_K needs a multiple of 256"), std::string::npos);
  EXPECT_EQ(row_bytes(TensorType::f32, -1).status().code(), StatusCode::invalid_argument);
}

TEST(RowBytes, RefuseAnUnknownType) {
  EXPECT_EQ(row_bytes(static_cast<TensorType>(4), 32).status().code(), StatusCode::unsupported);
}

TEST(RowBytes, RefuseAProductThatWraps) {
  const int64_t most = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(row_bytes(TensorType::f64, most / 8 + 1).status().code(),
            StatusCode::resource_exhausted);
  EXPECT_EQ(row_bytes(TensorType::i8, most).value(), most);
}

}  // namespace
}  // namespace ix::quant
