// What HLO's syntax says of an instruction after its operands.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "backend/xla/hlo/hlo.pb.h"

namespace ix::backend::xla::hlo {

// "dimensions={0}", "to_apply=%add_f32", ... in XLA's order. `computation_name` gives the name of a
// called computation by its id.
std::vector<std::string> attribute_texts(
    const ix::hlo::HloInstructionProto& instruction,
    const std::function<std::string(int64_t)>& computation_name);

// "{a="1",b="2"}" in the order of the keys.
std::string to_text(const ix::hlo::FrontendAttributes& attributes);

}  // namespace ix::backend::xla::hlo
