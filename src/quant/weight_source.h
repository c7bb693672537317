// How backends see weights: by name, as bytes with a type and a shape, whatever holds them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "quant/tensor_type.h"

namespace ix::quant {

// A tensor's place in memory. Owns nothing; valid as long as its WeightSource.
struct TensorView {
  std::string_view name;
  TensorType type = TensorType::f32;
  // GGUF order, fastest first: dims[0] = columns (weights in a row), dims[1] = rows. Unused = 1.
  std::array<int64_t, 4> dims = {1, 1, 1, 1};
  std::span<const std::byte> bytes;  // rows() * row_bytes(type, cols()), contiguous

  int64_t cols() const { return dims[0]; }
  int64_t rows() const { return dims[1] * dims[2] * dims[3]; }
  int64_t elements() const { return cols() * rows(); }
};

class WeightSource {
 public:
  virtual ~WeightSource() = default;

  // not_found names the tensor. Safe from any thread.
  virtual Result<TensorView> find(std::string_view name) const = 0;

  // Says that the caller will not read the bytes again soon: their pages may go (they come back on
  // the next read). Safe from any thread.
  virtual void release(const TensorView& /*view*/) const {}
};

}  // namespace ix::quant
