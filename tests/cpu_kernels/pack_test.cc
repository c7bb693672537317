#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "backend/cpu/packed_matrix.h"
#include "cpu_kernels/random_matrix.h"

namespace ix::backend::cpu::test {
namespace {

using quant::TensorType;

TEST(PackedMatrix, GivesEveryRowBackBitForBit) {
  std::mt19937 random(3);
  ThreadPool pool(2);
  for (const FileType& type : packed_file_types()) {
    SCOPED_TRACE(type.name);
    for (Values values : {Values::usual, Values::extreme, Values::greatest}) {
      const int64_t cols = 3 * type.block_cols;
      const FileMatrix matrix = random_matrix(type, 37, cols, values, random);
      Result<PackedMatrix> packed = PackedMatrix::pack(matrix.view(), pool);
      ASSERT_TRUE(packed.ok()) << packed.status().message();
      std::vector<float> row(static_cast<size_t>(cols));
      for (int64_t r = 0; r < 37; ++r) {
        packed->dequantize_row(r, row);
        ASSERT_EQ(std::memcmp(row.data(), matrix.row(r).data(), row.size() * sizeof(float)), 0)
            << "row " << r;
      }
    }
  }
}

TEST(PackedMatrix, CostsAtMostFourPercentMoreThanTheFile) {
  for (const FileType& type : packed_file_types()) {
    const double source = 4096.0 * 4096 / type.block_cols * type.block_bytes;
    EXPECT_LE(static_cast<double>(packed_bytes(type.type, 4096, 4096)), 1.04 * source) << type.name;
  }
}

TEST(PackedMatrix, SaysWhatItCannotPack) {
  EXPECT_TRUE(can_pack(TensorType::q4_k, 1, 256));
  EXPECT_TRUE(can_pack(TensorType::q5_0, 100, 640));
  EXPECT_FALSE(can_pack(TensorType::q4_k, 16, 640));
  EXPECT_FALSE(can_pack(TensorType::q5_0, 16, 33));
  EXPECT_TRUE(can_pack(TensorType::f16, 16, 96));
  EXPECT_FALSE(can_pack(TensorType::bf16, 16, 80));
  EXPECT_FALSE(can_pack(TensorType::f32, 16, 256));
  EXPECT_FALSE(can_pack(static_cast<TensorType>(99), 16, 256));
  EXPECT_FALSE(can_pack(TensorType::q4_k, 0, 256));
  EXPECT_FALSE(can_pack(TensorType::q4_k, 16, 0));
  EXPECT_FALSE(can_pack(TensorType::q4_k, -16, -256));
  EXPECT_FALSE(can_pack(TensorType::q4_k, int64_t{1} << 40, int64_t{1} << 40));
}

TEST(PackedMatrix, RefusesATypeWithoutPanelsByName) {
  ThreadPool pool(1);
  quant::TensorView view;
  view.name = "blk.0.odd";
  view.type = TensorType::f32;
  view.dims = {256, 16, 1, 1};
  const Result<PackedMatrix> packed = PackedMatrix::pack(view, pool);
  ASSERT_FALSE(packed.ok());
  EXPECT_EQ(packed.status().code(), StatusCode::unsupported);
  EXPECT_NE(packed.status().message().find("blk.0.odd"), std::string::npos);
}

TEST(PackedMatrix, RefusesBytesThatDoNotMatchTheShape) {
  std::mt19937 random(4);
  ThreadPool pool(1);
  const FileMatrix matrix = random_matrix(packed_file_types()[0], 16, 64, Values::usual, random);
  quant::TensorView view = matrix.view();
  view.bytes = view.bytes.first(view.bytes.size() - 1);
  const Result<PackedMatrix> packed = PackedMatrix::pack(view, pool);
  ASSERT_FALSE(packed.ok());
  EXPECT_EQ(packed.status().code(), StatusCode::corrupt);
}

// Records what it is told may go.
class RecordingSource : public quant::WeightSource {
 public:
  Result<quant::TensorView> find(std::string_view /*name*/) const override {
    return not_found("nothing here");
  }
  void release(const quant::TensorView& view) const override { released.push_back(view.bytes); }
  mutable std::vector<std::span<const std::byte>> released;
};

TEST(PackedMatrix, ReleasesEveryByteOfTheSourceOnceInOrder) {
  std::mt19937 random(5);
  ThreadPool pool(2);
  // 34 MB: more than one piece.
  const FileType& type = packed_file_types()[4];
  ASSERT_EQ(type.type, TensorType::q8_0);
  FileMatrix matrix = random_matrix(type, 1, 32000, Values::usual, random);
  matrix.rows = 1000;
  std::vector<std::byte> all;
  for (int i = 0; i < 1000; ++i) all.insert(all.end(), matrix.bytes.begin(), matrix.bytes.end());
  matrix.bytes = std::move(all);
  RecordingSource source;
  PackOptions options;
  options.source = &source;
  ASSERT_TRUE(PackedMatrix::pack(matrix.view(), pool, options).ok());
  ASSERT_GT(source.released.size(), 1u);
  const std::byte* next = matrix.bytes.data();
  for (std::span<const std::byte> bytes : source.released) {
    EXPECT_EQ(bytes.data(), next);
    next += bytes.size();
  }
  EXPECT_EQ(next, matrix.bytes.data() + matrix.bytes.size());
}

TEST(PackedMatrix, PacksIntoMemoryThatIsGiven) {
  std::mt19937 random(6);
  ThreadPool pool(2);
  for (const FileType& type : packed_file_types()) {
    SCOPED_TRACE(type.name);
    const int64_t cols = type.block_cols;
    const FileMatrix matrix = random_matrix(type, 21, cols, Values::usual, random);
    Result<PageBuffer> buffer =
        PageBuffer::allocate(static_cast<uint64_t>(packed_bytes(type.type, 21, cols)) + 64);
    ASSERT_TRUE(buffer.ok());
    std::memset(buffer->data(), 0x5a, buffer->size());
    PackOptions options;
    options.storage = buffer->bytes();
    Result<PackedMatrix> packed = PackedMatrix::pack(matrix.view(), pool, options);
    ASSERT_TRUE(packed.ok());
    std::vector<float> row(static_cast<size_t>(cols));
    packed->dequantize_row(20, row);
    EXPECT_EQ(std::memcmp(row.data(), matrix.row(20).data(), row.size() * sizeof(float)), 0);
    EXPECT_EQ(buffer->data()[packed->bytes()], std::byte{0x5a});
  }
}

}  // namespace
}  // namespace ix::backend::cpu::test
