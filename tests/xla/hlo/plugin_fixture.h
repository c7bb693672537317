// Programs of the builder on each of the CPU plugins.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>

#include "backend/xla/hlo/builder.h"
#include "backend/xla/pjrt/pjrt_runtime.h"
#include "base/check.h"
#include "xla/hlo/run_module.h"
#include "xla/pjrt/plugins.h"

namespace ix::testing {

class OnPlugin : public ::testing::TestWithParam<CpuPlugin> {
 protected:
  // The outputs of every replica; as many replicas as there are lists of inputs.
  static std::vector<HostArrays> run(backend::xla::hlo::Builder&& builder,
                                     const std::vector<HostArrays>& inputs) {
    const auto module = std::move(builder).finish();
    EXPECT_TRUE(module.ok()) << module.status().message();
    if (!module.ok()) return {};
    auto runtime =
        backend::xla::pjrt::PjrtRuntime::open({GetParam().path, static_cast<int>(inputs.size())});
    EXPECT_TRUE(runtime.ok()) << runtime.status().message();
    if (!runtime.ok()) return {};
    auto outputs = run_module(**runtime, *module, inputs);
    EXPECT_TRUE(outputs.ok()) << outputs.status().message();
    return outputs.ok() ? *std::move(outputs) : std::vector<HostArrays>();
  }

  // On one device.
  static HostArrays run(backend::xla::hlo::Builder&& builder, const HostArrays& inputs) {
    std::vector<HostArrays> outputs = run(std::move(builder), std::vector<HostArrays>{inputs});
    return outputs.empty() ? HostArrays() : std::move(outputs.front());
  }

  std::vector<float> random_floats(int64_t count, float low, float high) {
    std::uniform_real_distribution<float> distribution(low, high);
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = distribution(random_);
    return values;
  }

  std::mt19937 random_{1};
};

}  // namespace ix::testing
