#include "backend/xla/hlo/replica_groups.h"

#include <fmt/format.h>

#include <set>

namespace ix::backend::xla::hlo {

std::vector<std::vector<int64_t>> replica_groups(const ix::hlo::HloInstructionProto& instruction) {
  const auto& listed = instruction.replica_groups_size() > 0
                           ? instruction.replica_groups()
                           : instruction.collective_device_list().replica_groups();
  std::vector<std::vector<int64_t>> groups;
  for (const ix::hlo::ReplicaGroup& group : listed) {
    groups.emplace_back(group.replica_ids().begin(), group.replica_ids().end());
  }
  return groups;
}

Result<int64_t> group_size(const ix::hlo::HloInstructionProto& instruction) {
  const std::vector<std::vector<int64_t>> groups = replica_groups(instruction);
  if (groups.empty()) return int64_t{0};
  std::set<int64_t> seen;
  for (const std::vector<int64_t>& group : groups) {
    if (group.empty()) return invalid_argument("a replica group is empty");
    if (group.size() != groups.front().size()) {
      return invalid_argument("replica groups differ in size");
    }
    for (const int64_t replica : group) {
      if (!seen.insert(replica).second) {
        return invalid_argument(fmt::format("replica {} is in two groups", replica));
      }
    }
  }
  return static_cast<int64_t>(groups.front().size());
}

}  // namespace ix::backend::xla::hlo
