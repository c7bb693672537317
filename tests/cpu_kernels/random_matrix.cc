#include "cpu_kernels/random_matrix.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/float16.h"
#include "quant/dequantize.h"

namespace ix::backend::cpu::test {
namespace {

using quant::TensorType;

uint16_t random_half(Values values, std::mt19937& random) {
  switch (values) {
    case Values::usual:
      return float_to_half(std::normal_distribution<float>(0.0f, 0.01f)(random));
    case Values::extreme: {
      constexpr uint16_t kSpecial[] = {0x0000, 0x8000, 0x0001, 0x8001, 0x03ff, 0x7bff, 0xfbff};
      if (random() % 2 == 0) return kSpecial[random() % std::size(kSpecial)];
      const auto half = static_cast<uint16_t>(random());
      return (half & 0x7c00) == 0x7c00 ? static_cast<uint16_t>(half & 0xbfff) : half;
    }
    case Values::greatest:
      return random() % 2 == 0 ? 0x3c00 : 0xbc00;  // 1, -1
  }
  return 0;
}

// Up to 2^50, so that sums of products with activations stay finite.
uint16_t random_bfloat16(Values values, std::mt19937& random) {
  switch (values) {
    case Values::usual:
      return float_to_bfloat16(std::normal_distribution<float>(0.0f, 0.01f)(random));
    case Values::extreme: {
      constexpr uint16_t kSpecial[] = {0x0000, 0x8000, 0x0001, 0x8001, 0x007f, 0x5880, 0xd880};
      if (random() % 2 == 0) return kSpecial[random() % std::size(kSpecial)];
      const auto exponent = static_cast<uint16_t>(random() % (127 + 50));
      return static_cast<uint16_t>((random() & 0x807f) | exponent << 7);
    }
    case Values::greatest:
      return random() % 2 == 0 ? 0x3f80 : 0xbf80;  // 1, -1
  }
  return 0;
}

// Offsets in a block of 32 weights that are 16-bit floats themselves.
std::vector<int> every_16_bits() {
  std::vector<int> offsets;
  for (int i = 0; i < 32; ++i) offsets.push_back(2 * i);
  return offsets;
}

}  // namespace

const std::vector<FileType>& packed_file_types() {
  static const std::vector<FileType> types = {
      {TensorType::q4_0, "q4_0", 32, 18, {0}, -1, 0, 0, random_half},
      {TensorType::q4_1, "q4_1", 32, 20, {0, 2}, 2, 1, 0, random_half},
      {TensorType::q5_0, "q5_0", 32, 22, {0}, -1, 0, 0, random_half},
      {TensorType::q5_1, "q5_1", 32, 24, {0, 2}, 2, 1, 0, random_half},
      {TensorType::q8_0, "q8_0", 32, 34, {0}, -1, 0, 0, random_half},
      {TensorType::q2_k, "q2_k", 256, 84, {80, 82}, 82, 15, 15, random_half},
      {TensorType::q3_k, "q3_k", 256, 110, {108}, -1, 0, 32, random_half},
      {TensorType::q4_k, "q4_k", 256, 144, {0, 2}, 2, 63, 63, random_half},
      {TensorType::q5_k, "q5_k", 256, 176, {0, 2}, 2, 63, 63, random_half},
      {TensorType::q6_k, "q6_k", 256, 210, {208}, -1, 0, 128, random_half},
      {TensorType::f16, "f16", 32, 64, every_16_bits(), -1, 0, 0, random_half},
      {TensorType::bf16, "bf16", 32, 64, every_16_bits(), -1, 0, 0, random_bfloat16},
  };
  return types;
}

quant::TensorView FileMatrix::view() const {
  quant::TensorView view;
  view.name = "test.weight";
  view.type = file_type->type;
  view.dims = {cols, rows, 1, 1};
  view.bytes = bytes;
  return view;
}

std::vector<float> FileMatrix::row(int64_t r) const {
  std::vector<float> out(static_cast<size_t>(cols));
  const std::span<const std::byte> all(bytes);
  const Status status = quant::dequantize_row(
      file_type->type,
      all.subspan(static_cast<size_t>(r * row_bytes()), static_cast<size_t>(row_bytes())), out);
  EXPECT_TRUE(status.ok()) << status.message();
  return out;
}

float FileMatrix::half_at(int64_t r, int64_t c, int offset) const {
  uint16_t half;
  std::memcpy(
      &half,
      bytes.data() + r * row_bytes() + c / file_type->block_cols * file_type->block_bytes + offset,
      sizeof(half));
  return half_to_float(half);
}

double FileMatrix::largest_min(int64_t r, int64_t c) const {
  if (file_type->min_offset < 0) return 0.0;
  return std::abs(half_at(r, c, file_type->min_offset)) * file_type->largest_min;
}

double FileMatrix::largest_scale(int64_t r, int64_t c) const {
  if (file_type->largest_scale == 0) return 0.0;
  return std::abs(half_at(r, c, file_type->halves[0])) * file_type->largest_scale;
}

FileMatrix random_matrix(const FileType& type, int64_t rows, int64_t cols, Values values,
                         std::mt19937& random) {
  FileMatrix matrix{&type, rows, cols, {}};
  const int64_t blocks = rows * (cols / type.block_cols);
  matrix.bytes.resize(static_cast<size_t>(blocks * type.block_bytes));
  std::byte* block = matrix.bytes.data();
  for (int64_t b = 0; b < blocks; ++b, block += type.block_bytes) {
    if (values == Values::greatest) {
      // All ones, all zeros, the most negative and the most positive 8-bit values.
      constexpr int kFill[] = {0xff, 0x00, 0x80, 0x7f};
      std::memset(block, kFill[random() % std::size(kFill)], static_cast<size_t>(type.block_bytes));
    } else {
      for (int i = 0; i < type.block_bytes; ++i) block[i] = static_cast<std::byte>(random());
    }
    for (int offset : type.halves) {
      const uint16_t bits = type.random_float(values, random);
      std::memcpy(block + offset, &bits, sizeof(bits));
    }
    if (values == Values::extreme && random() % 8 == 0) {
      std::memset(block, 0, static_cast<size_t>(type.block_bytes));
    }
  }
  return matrix;
}

std::vector<float> random_activations(int64_t n, int64_t cols, Values values,
                                      std::mt19937& random) {
  std::vector<float> x(static_cast<size_t>(n * cols));
  std::normal_distribution<float> normal;
  float scale = 1.0f;
  for (size_t i = 0; i < x.size(); ++i) {
    switch (values) {
      case Values::usual:
        x[i] = normal(random);
        break;
      case Values::extreme:
        if (i % 32 == 0) {
          scale = random() % 4 == 0
                      ? 0.0f
                      : std::pow(10.0f, static_cast<float>(static_cast<int>(random() % 41) - 20));
        }
        x[i] = normal(random) * scale;
        break;
      case Values::greatest:
        if (i % 16 == 0) scale = random() % 2 == 0 ? 1.0f : -1.0f;
        x[i] = scale;
        break;
    }
  }
  return x;
}

std::vector<float> dequantize_activations(ActivationKind kind, const void* row, int64_t cols) {
  std::vector<float> x(static_cast<size_t>(cols));
  for (int64_t i = 0; i < cols; ++i) {
    float& value = x[static_cast<size_t>(i)];
    switch (kind) {
      case ActivationKind::q8_32: {
        const Q8Block32& block = static_cast<const Q8Block32*>(row)[i / 32];
        value = block.scale * static_cast<float>(block.q[i % 32]);
        break;
      }
      case ActivationKind::q8_256: {
        const Q8Block256& block = static_cast<const Q8Block256*>(row)[i / 256];
        value = block.scale * static_cast<float>(block.q[i % 256]);
        break;
      }
      case ActivationKind::f32:
        value = static_cast<const F32Block32*>(row)[i / 32].x[i % 32];
        break;
    }
  }
  return x;
}

}  // namespace ix::backend::cpu::test
