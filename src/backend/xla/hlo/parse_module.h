// From bytes to messages.
#pragma once

#include <string_view>

#include "backend/xla/hlo/hlo.pb.h"
#include "base/result.h"

namespace ix::backend::xla::hlo {

// corrupt where the bytes are no HloModuleProto, or 2 GiB and more.
Result<ix::hlo::HloModuleProto> parse_module(std::string_view bytes);

}  // namespace ix::backend::xla::hlo
