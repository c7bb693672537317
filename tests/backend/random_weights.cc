#include "backend/random_weights.h"

#include <cmath>
#include <cstring>

#include "base/float16.h"

namespace ix::testing {
namespace {

using quant::TensorType;

// Where a block keeps its half-precision scales. The first scale is 1 / (spread * sqrt(cols)),
// where spread is the standard deviation of a block's integers when its other bytes are random; the
// second is the first times ratio.
struct BlockScales {
  float spread;
  int first;
  int second;  // -1: none
  float ratio;
};

BlockScales scales_of(TensorType type) {
  switch (type) {
    case TensorType::q4_0:
      return {4.6F, 0, -1, 0};
    case TensorType::q4_1:
      return {4.6F, 0, 2, -7.5F};  // d q + m with q about 7.5
    case TensorType::q5_0:
      return {9.2F, 0, -1, 0};
    case TensorType::q8_0:
      return {74.0F, 0, -1, 0};
    case TensorType::q2_k:
      return {13.9F, 80, 82, 1.5F};  // d sc q - dmin m with q about 1.5, sc and m alike
    case TensorType::q3_k:
      return {43.4F, 108, -1, 0};
    case TensorType::q4_k:
      return {250.0F, 0, 2, 7.5F};  // d sc q - dmin m with q about 7.5, sc and m alike
    case TensorType::q6_k:
      return {1370.0F, 208, -1, 0};
    default:
      IX_CHECK(false);
      return {};
  }
}

void put_half(std::vector<std::byte>& bytes, size_t offset, float value) {
  const uint16_t half = float_to_half(value);
  std::memcpy(bytes.data() + offset, &half, sizeof(half));
}

}  // namespace

float RandomWeights::uniform(float low, float high) {
  return low + (high - low) * (static_cast<float>(random_() >> 8) * 0x1p-24F);
}

uint8_t RandomWeights::byte() { return static_cast<uint8_t>(random_() >> 24); }

void RandomWeights::add_matrix(const std::string& name, TensorType type, int64_t rows,
                               int64_t cols) {
  const float deviation = 1.0F / std::sqrt(static_cast<float>(cols));
  if (type == TensorType::f32 || type == TensorType::f16 || type == TensorType::bf16) {
    std::vector<float> values(static_cast<size_t>(rows * cols));
    const float range = std::sqrt(3.0F) * deviation;
    for (float& value : values) value = uniform(-range, range);
    if (type == TensorType::f32) {
      weights_.add_f32(name, {cols, rows}, values);
    } else if (type == TensorType::f16) {
      weights_.add_f16(name, {cols, rows}, values);
    } else {
      weights_.add_bf16(name, {cols, rows}, values);
    }
    return;
  }
  const auto block = static_cast<size_t>(quant::find_traits(type)->block_bytes);
  const auto row_bytes = quant::row_bytes(type, cols);
  IX_CHECK(row_bytes.ok());
  std::vector<std::byte> bytes(static_cast<size_t>(*row_bytes * rows));
  for (std::byte& b : bytes) b = std::byte{byte()};
  const BlockScales scales = scales_of(type);
  for (size_t begin = 0; begin < bytes.size(); begin += block) {
    const float scale = deviation / scales.spread * uniform(0.5F, 1.5F);
    put_half(bytes, begin + static_cast<size_t>(scales.first), scale);
    if (scales.second >= 0) {
      put_half(bytes, begin + static_cast<size_t>(scales.second), scale * scales.ratio);
    }
  }
  weights_.add(name, type, {cols, rows}, std::move(bytes));
}

void RandomWeights::add_vector(const std::string& name, int64_t size, float low, float high) {
  std::vector<float> values(static_cast<size_t>(size));
  for (float& value : values) value = uniform(low, high);
  weights_.add_f32(name, {size}, values);
}

}  // namespace ix::testing
