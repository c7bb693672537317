#include "synth/random_tensor.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "base/checked_math.h"
#include "base/counter_rng.h"
#include "base/float16.h"
#include "quant/blocks.h"

namespace ix::synth {
namespace {

using quant::TensorType;

constexpr size_t kDraw = 16;  // bytes

// Every field of a block has random bits but its half-precision scale, which makes the deviation
// right, and the scale of the minimums, which is `min_ratio` times it, so that the mean is 0.
struct BlockForm {
  TensorType type;
  size_t scale_at;   // offset of the scale
  size_t min_at;     // of the scale of the minimums, or of the minimum
  float min_ratio;   // 0: there is none
  double deviation;  // of the weights where the scale is 1
};

// With sc uniform in 0..63 (mean 31.5, mean square 1333.5, variance 341.25) and q uniform:
//   Q4_K  w = sc q - 7.5 m    q 0..15   sqrt(1333.5 * 77.5 - (31.5 * 7.5)^2 + 7.5^2 * 341.25)
//   Q5_K  w = sc q - 15.5 m   q 0..31   sqrt(1333.5 * 325.5 - (31.5 * 15.5)^2 + 15.5^2 * 341.25)
//   Q6_K  w = sc q            sc -128..127, q -32..31   sqrt(5461.5 * 341.5)
//   Q5_0  w = q               q -16..15                 sqrt(85.5)
//   Q5_1  w = q - 15.5        q 0..31                   sqrt(85.25)
//   Q8_0  w = q               q -128..127               sqrt(5461.5)
constexpr BlockForm kForms[] = {
    {TensorType::q4_k, offsetof(quant::BlockQ4K, d), offsetof(quant::BlockQ4K, dmin), 7.5F, 258.32},
    {TensorType::q5_k, offsetof(quant::BlockQ5K, d), offsetof(quant::BlockQ5K, dmin), 15.5F,
     526.93},
    {TensorType::q6_k, offsetof(quant::BlockQ6K, d), 0, 0.0F, 1365.69},
    {TensorType::q5_0, offsetof(quant::BlockQ5_0, d), 0, 0.0F, 9.2466},
    {TensorType::q5_1, offsetof(quant::BlockQ5_1, d), offsetof(quant::BlockQ5_1, m), -15.5F,
     9.2331},
    {TensorType::q8_0, offsetof(quant::BlockQ8_0, d), 0, 0.0F, 73.902},
};

const BlockForm* find_form(TensorType type) {
  const auto* form = std::find_if(std::begin(kForms), std::end(kForms),
                                  [=](const BlockForm& f) { return f.type == type; });
  return form == std::end(kForms) ? nullptr : form;
}

// FNV-1a of 64 bits.
uint64_t hash_of(std::string_view text) {
  uint64_t hash = 0xCBF29CE484222325U;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3U;
  return hash;
}

uint16_t half_at(std::span<const std::byte> block, size_t at) {
  uint16_t half = 0;
  std::memcpy(&half, block.data() + at, sizeof(half));
  return half;
}

void set_half(std::span<std::byte> block, size_t at, uint16_t half) {
  std::memcpy(block.data() + at, &half, sizeof(half));
}

// Replaces the random bits of the scales.
void set_scales(const BlockForm& form, float mean_scale, std::span<std::byte> block) {
  // 0.75 to 1.25 times the mean.
  const int spread = half_at(block, form.scale_at) % 512;
  const float factor = 0.75F + static_cast<float>(spread) / 1024.0F;
  const uint16_t scale = float_to_half(mean_scale * factor);
  set_half(block, form.scale_at, scale);
  if (form.min_ratio != 0.0F) {
    set_half(block, form.min_at, float_to_half(form.min_ratio * half_to_float(scale)));
  }
}

}  // namespace

RandomTensor::RandomTensor(const SynthTensor& tensor, uint64_t seed,
                           std::span<const float> rope_factors)
    : tensor_(tensor), seed_(seed), name_hash_(hash_of(tensor.name)), rope_factors_(rope_factors) {
  const quant::TypeTraits* traits = quant::find_traits(tensor.type);
  block_weights_ = traits->block_weights;
  block_bytes_ = static_cast<size_t>(traits->block_bytes);
  const double deviation = 1 / std::sqrt(static_cast<double>(tensor.cols()));
  if (const BlockForm* form = find_form(tensor.type)) {
    scale_ = static_cast<float>(deviation / form->deviation);
  } else {
    IX_CHECK(tensor.type == TensorType::f32 || tensor.type == TensorType::f16);
    // Half the width of a uniform distribution.
    scale_ = static_cast<float>(deviation * std::sqrt(3.0));
  }
}

void RandomTensor::draw(uint64_t counter, std::span<std::byte, kDraw> out) const {
  const auto low = [](uint64_t value) { return static_cast<uint32_t>(value); };
  const auto high = [](uint64_t value) { return static_cast<uint32_t>(value >> 32); };
  const auto words = philox4x32({low(counter), high(counter), low(name_hash_), high(name_hash_)},
                                {low(seed_), high(seed_)});
  std::memcpy(out.data(), words.data(), kDraw);
}

void RandomTensor::fill(int64_t first, std::span<std::byte> out) const {
  IX_CHECK(out.size() % block_bytes_ == 0);
  if (block_weights_ > 1) {
    fill_quantised(first, out);
  } else {
    fill_numbers(first, out);
  }
}

// Each block has draws of its own.
void RandomTensor::fill_quantised(int64_t first, std::span<std::byte> out) const {
  const BlockForm& form = *find_form(tensor_.type);
  const size_t draws = ceil_div(block_bytes_, kDraw);
  std::array<std::byte, kDraw> drawn{};
  for (size_t b = 0; b < out.size() / block_bytes_; ++b) {
    const auto block = out.subspan(b * block_bytes_, block_bytes_);
    const uint64_t counter = (static_cast<uint64_t>(first) + b) * draws;
    for (size_t i = 0; i < draws; ++i) {
      draw(counter + i, drawn);
      const size_t at = i * kDraw;
      std::copy_n(drawn.begin(), std::min(kDraw, block_bytes_ - at), block.begin() + at);
    }
    set_scales(form, scale_, block);
  }
}

void RandomTensor::fill_numbers(int64_t first, std::span<std::byte> out) const {
  for (size_t i = 0; i < out.size() / block_bytes_; ++i) {
    const float value = number(first + static_cast<int64_t>(i));
    if (tensor_.type == TensorType::f16) {
      set_half(out, i * block_bytes_, float_to_half(value));
    } else {
      std::memcpy(out.data() + i * block_bytes_, &value, sizeof(value));
    }
  }
}

float RandomTensor::number(int64_t index) const {
  if (tensor_.content == Content::rope_factors) return rope_factors_[static_cast<size_t>(index)];
  std::array<std::byte, kDraw> drawn{};
  draw(static_cast<uint64_t>(index), drawn);
  // A multiple of 2^-15 in [-1, 1): what is made of it below is rounded once at most.
  const float uniform = static_cast<float>(half_at(drawn, 0)) / 32768.0F - 1.0F;
  constexpr float kSmall = 0.125F;
  switch (tensor_.content) {
    case Content::norm:
      return 1.0F + kSmall * uniform;
    case Content::bias:
      return kSmall * uniform;
    default:
      return scale_ * uniform;
  }
}

}  // namespace ix::synth
