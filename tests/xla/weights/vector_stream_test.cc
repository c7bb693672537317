#include <gmock/gmock.h>

#include "backend/random_weights.h"
#include "backend/xla/padding.h"
#include "backend/xla/weights/vector_recipe.h"
#include "quant/dequantize.h"
#include "support/memory_weights.h"
#include "xla/weights/memory_upload.h"

namespace ix::backend::xla {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MemoryUpload;
using testing::MemoryWeights;

TEST(VectorStream, PicksElements) {
  MemoryWeights weights;
  weights.add_f32("norm", {4}, std::vector<float>{1, 2, 3, 4});
  MemoryUpload upload({hlo::ElementType::f32, {3}});
  ASSERT_TRUE(stream_vector({"norm", 4, {3, kPad, 0}}, weights, upload).ok());
  EXPECT_THAT(upload.values<float>(), ElementsAre(4, 0, 1));
  EXPECT_THAT(stream_vector({"norm", 5, {0}}, weights, upload).message(), HasSubstr("'norm'"));
}

// 3000 rows of 768: more than the 2731 that are converted at once.
TEST(TableStream, KeepsRowsInBfloat16) {
  MemoryWeights weights;
  testing::RandomWeights(weights, 7).add_matrix("embed", quant::TensorType::q6_k, 3000, 768);
  MemoryUpload upload({hlo::ElementType::bf16, {3000, 768}});
  ASSERT_TRUE(stream_table({"embed", 3000, 768}, weights, upload).ok());
  const auto view = *weights.find("embed");
  std::vector<float> expected(static_cast<size_t>(view.elements()));
  ASSERT_TRUE(quant::dequantize_row(view.type, view.bytes, expected).ok());
  const auto actual = upload.values<uint16_t>();
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(actual[i], float_to_bfloat16(expected[i])) << i;
  }
}

}  // namespace
}  // namespace ix::backend::xla
