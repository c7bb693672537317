// PjrtRuntime on one of the CPU plugins, and the programs that its tests run.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backend/xla/pjrt/pjrt_runtime.h"
#include "xla/pjrt/plugins.h"
#include "xla/pjrt/tiny_module.h"

namespace ix::backend::xla::pjrt {

using hlo::ElementType;
using hlo::Module;
using hlo::Shape;
using testing::TinyModule;

using Floats = std::vector<float>;

inline std::span<const std::byte> bytes_of(const Floats& values) {
  return std::as_bytes(std::span(values));
}

class PjrtRuntimeTest : public ::testing::TestWithParam<testing::CpuPlugin> {
 protected:
  std::unique_ptr<PjrtRuntime> open(int devices) {
    auto runtime = PjrtRuntime::open({GetParam().path, devices});
    IX_CHECK(runtime.ok());
    return std::move(runtime).value();
  }

  static std::unique_ptr<DeviceTensor> upload(Runtime& runtime, int rank, const Shape& shape,
                                              std::span<const std::byte> bytes) {
    auto upload = runtime.upload(rank, shape, "uploaded");
    IX_CHECK(upload.ok());
    IX_CHECK((*upload)->write(0, bytes).ok());
    auto tensor = (*upload)->finish();
    IX_CHECK(tensor.ok());
    return std::move(tensor).value();
  }
  static std::unique_ptr<DeviceTensor> upload(Runtime& runtime, int rank, const Floats& values) {
    return upload(runtime, rank, {ElementType::f32, {static_cast<int64_t>(values.size())}},
                  bytes_of(values));
  }
  static std::unique_ptr<DeviceTensor> zeros(Runtime& runtime, int rank, const Shape& shape) {
    auto tensor = runtime.tensor(rank, shape, "zeros");
    IX_CHECK(tensor.ok());
    return std::move(tensor).value();
  }
  static Floats read(Runtime& runtime, const DeviceTensor& tensor) {
    Floats values(static_cast<size_t>(hlo::element_count(tensor.shape())), -1);
    const Status status = runtime.read(tensor, std::as_writable_bytes(std::span(values)));
    EXPECT_TRUE(status.ok()) << status.message();
    return values;
  }
};

// sum = a + b, product = a * b
inline Module sum_and_product(int64_t size, int32_t replicas = 1) {
  TinyModule module("sum_and_product");
  const auto a = module.parameter("a", {ElementType::f32, {size}});
  const auto b = module.parameter("b", {ElementType::f32, {size}});
  module.output("sum", module.add(a, b));
  module.output("product", module.multiply(a, b));
  return module.finish(replicas);
}

// cache f32[rows, 2], row f32[1, 2], at s32[] -> cache with the row at `at`, in place
inline Module update_row(int64_t rows) {
  TinyModule module("update_row");
  const auto cache = module.parameter("cache", {ElementType::f32, {rows, 2}});
  const auto row = module.parameter("row", {ElementType::f32, {1, 2}});
  const auto at = module.parameter("at", {ElementType::s32, {}});
  const auto column = module.parameter("column", {ElementType::s32, {}});
  module.output("cache", module.dynamic_update_slice(cache, row, {at, column}));
  module.alias(0);
  return module.finish();
}

}  // namespace ix::backend::xla::pjrt
