// The replica groups of a collective, in either of the fields that XLA has for them.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/xla/hlo/hlo.pb.h"
#include "base/result.h"

namespace ix::backend::xla::hlo {

// Empty: one group of all replicas.
std::vector<std::vector<int64_t>> replica_groups(const ix::hlo::HloInstructionProto& instruction);

// Replicas a group, 0 where there are no groups. invalid_argument when groups differ in size or a
// replica comes twice.
Result<int64_t> group_size(const ix::hlo::HloInstructionProto& instruction);

}  // namespace ix::backend::xla::hlo
