// Runs a program once on a runtime, host arrays in and out.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include "backend/xla/hlo/module.h"
#include "backend/xla/hlo/shape.h"
#include "backend/xla/runtime.h"
#include "base/result.h"

namespace ix::testing {

// Row-major, byte_size(shape) bytes.
struct HostArray {
  backend::xla::hlo::Shape shape;
  std::vector<std::byte> bytes;
};

using HostArrays = std::vector<HostArray>;

// T has the size of the type's elements: float for f32, int32_t for s32, uint16_t for bf16, ...
template <typename T>
HostArray host_array(backend::xla::hlo::ElementType type, std::vector<int64_t> dims,
                     const std::vector<T>& values) {
  HostArray array{{type, std::move(dims)}, {}};
  const auto bytes = std::as_bytes(std::span(values));
  array.bytes.assign(bytes.begin(), bytes.end());
  return array;
}

inline HostArray f32_array(std::vector<int64_t> dims, const std::vector<float>& values) {
  return host_array(backend::xla::hlo::ElementType::f32, std::move(dims), values);
}
inline HostArray s32_array(std::vector<int64_t> dims, const std::vector<int32_t>& values) {
  return host_array(backend::xla::hlo::ElementType::s32, std::move(dims), values);
}
// Rounded to nearest even.
HostArray bf16_array(std::vector<int64_t> dims, const std::vector<float>& values);

template <typename T>
std::vector<T> values_of(const HostArray& array) {
  std::vector<T> values(array.bytes.size() / sizeof(T));
  std::memcpy(values.data(), array.bytes.data(), array.bytes.size());
  return values;
}

// Of f32, bf16 and f16.
std::vector<float> floats_of(const HostArray& array);

// inputs[rank] in the order of the parameters -> outputs[rank] in the order of the outputs.
Result<std::vector<HostArrays>> run_module(backend::xla::Runtime& runtime,
                                           const backend::xla::hlo::Module& module,
                                           const std::vector<HostArrays>& inputs);

}  // namespace ix::testing
