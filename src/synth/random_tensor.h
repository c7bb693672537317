// Random bytes that are weights of sensible size: a function of the seed, the tensor's name and the
// place in it, the same on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "synth/tensor_list.h"

namespace ix::synth {

class RandomTensor {
 public:
  // rope_factors: those of rope_factors(), for the tensor that has them. Both outlive this.
  RandomTensor(const SynthTensor& tensor, uint64_t seed, std::span<const float> rope_factors);

  int64_t blocks() const { return tensor_.elements() / block_weights_; }
  size_t block_bytes() const { return block_bytes_; }

  // Blocks [first, first + out.size() / block_bytes()); single numbers are blocks of one.
  void fill(int64_t first, std::span<std::byte> out) const;

 private:
  void fill_quantised(int64_t first, std::span<std::byte> out) const;
  void fill_numbers(int64_t first, std::span<std::byte> out) const;
  float number(int64_t index) const;
  void draw(uint64_t counter, std::span<std::byte, 16> out) const;

  const SynthTensor& tensor_;
  const uint64_t seed_;
  const uint64_t name_hash_;
  const std::span<const float> rope_factors_;
  int64_t block_weights_ = 1;
  size_t block_bytes_ = 4;
  float scale_ = 0;  // mean of the scale of a quantised block
};

}  // namespace ix::synth
