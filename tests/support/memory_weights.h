// A WeightSource in memory: tensors that a test makes up.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/float16.h"
#include "quant/weight_source.h"

namespace ix::testing {

// Owns the bytes of its tensors; views stay valid while it lives, whatever is added later.
class MemoryWeights final : public quant::WeightSource {
 public:
  // dims as in GGUF, fastest first: {cols, rows}. bytes: those of the type and shape, checked.
  void add(std::string name, quant::TensorType type, std::vector<int64_t> dims,
           std::vector<std::byte> bytes) {
    IX_CHECK(!dims.empty() && dims.size() <= 4);
    auto tensor = std::make_unique<Tensor>();
    tensor->bytes = std::move(bytes);
    quant::TensorView& view = tensor->view;
    view.type = type;
    for (size_t i = 0; i < dims.size(); ++i) view.dims[i] = dims[i];
    view.bytes = tensor->bytes;
    const auto row = quant::row_bytes(type, view.cols());
    IX_CHECK(row.ok() && static_cast<size_t>(*row * view.rows()) == view.bytes.size());
    const auto [it, added] = tensors_.emplace(std::move(name), std::move(tensor));
    IX_CHECK(added);
    it->second->view.name = it->first;
  }

  void add_f32(std::string name, std::vector<int64_t> dims, std::span<const float> values) {
    add(std::move(name), quant::TensorType::f32, std::move(dims), bytes_of(values));
  }

  // Values are rounded to half precision.
  void add_f16(std::string name, std::vector<int64_t> dims, std::span<const float> values) {
    add_rounded<float_to_half>(std::move(name), quant::TensorType::f16, std::move(dims), values);
  }

  void add_bf16(std::string name, std::vector<int64_t> dims, std::span<const float> values) {
    add_rounded<float_to_bfloat16>(std::move(name), quant::TensorType::bf16, std::move(dims),
                                   values);
  }

  Result<quant::TensorView> find(std::string_view name) const override {
    const auto it = tensors_.find(name);
    if (it == tensors_.end()) {
      return not_found("tensor '" + std::string(name) + "' is missing");
    }
    return it->second->view;
  }

 private:
  struct Tensor {
    quant::TensorView view;
    std::vector<std::byte> bytes;
  };

  template <uint16_t (*kRound)(float)>
  void add_rounded(std::string name, quant::TensorType type, std::vector<int64_t> dims,
                   std::span<const float> values) {
    std::vector<uint16_t> bits;
    bits.reserve(values.size());
    for (const float value : values) bits.push_back(kRound(value));
    add(std::move(name), type, std::move(dims), bytes_of(std::span<const uint16_t>(bits)));
  }

  template <typename T>
  static std::vector<std::byte> bytes_of(std::span<const T> values) {
    const auto bytes = std::as_bytes(values);
    return {bytes.begin(), bytes.end()};
  }

  std::map<std::string, std::unique_ptr<Tensor>, std::less<>> tensors_;
};

}  // namespace ix::testing
