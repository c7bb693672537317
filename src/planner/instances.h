// Instances with Inferentia2 chips, and their limits.
// Source: AWS's pages on inf2 instances and on the architecture of NeuronCore-v2.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"

namespace ix::planner {

// Device memory that one core of NeuronCore-v2 addresses: half of a chip's 32 GiB.
inline constexpr int64_t kCoreBytes = int64_t{16} << 30;

struct Instance {
  std::string_view name;  // "inf2.xlarge"
  int cores;
  int host_gib;
};

std::span<const Instance> instances();

// invalid_argument, naming those that there are.
Result<Instance> find_instance(std::string_view name);

// Tensor-parallel degrees that AWS supports on inf2, ascending.
std::span<const int> tensor_parallel_degrees();

}  // namespace ix::planner
