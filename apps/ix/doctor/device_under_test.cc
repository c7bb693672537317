#include "doctor/device_under_test.h"

#include <algorithm>

namespace ix::cli::doctor {

// Cores of the smallest instance: what compiles without a device is of use on that one.
constexpr int kSmallestInstance = 2;

int DeviceUnderTest::ranks() const {
  if (runtime != nullptr) return runtime->ranks();
  return options_.ranks > 0 ? options_.ranks : kSmallestInstance;
}

bool DeviceUnderTest::give_up() const {
  return options_.cancelled() || std::chrono::steady_clock::now() >= deadline();
}

backend::neuron::CompilerOptions DeviceUnderTest::compiler_options() const {
  backend::neuron::CompilerOptions options;
  options.cancelled = [this] { return give_up(); };
  return options;
}

}  // namespace ix::cli::doctor
