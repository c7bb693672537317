#include "planner/instances.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <vector>

namespace ix::planner {
namespace {

constexpr auto kInstances = std::to_array<Instance>({{"inf2.xlarge", 2, 16},
                                                     {"inf2.8xlarge", 2, 128},
                                                     {"inf2.24xlarge", 12, 384},
                                                     {"inf2.48xlarge", 24, 768}});
constexpr auto kDegrees = std::to_array<int>({1, 2, 4, 8, 12, 24});

}  // namespace

std::span<const Instance> instances() { return kInstances; }

Result<Instance> find_instance(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Instance& instance : kInstances) {
    if (instance.name == name) return instance;
    names.push_back(instance.name);
  }
  return invalid_argument(
      fmt::format("no instance '{}': there are {}", name, fmt::join(names, ", ")));
}

std::span<const int> tensor_parallel_degrees() { return kDegrees; }

}  // namespace ix::planner
