// Element types as PJRT numbers them.
#pragma once

#include <optional>

#include "backend/xla/hlo/shape.h"
#include "backend/xla/pjrt/pjrt_abi.h"

namespace ix::backend::xla::pjrt {

abi::BufferType to_buffer_type(hlo::ElementType type);

// Nothing for a type that hlo::ElementType does not have.
std::optional<hlo::ElementType> to_element_type(abi::BufferType type);

}  // namespace ix::backend::xla::pjrt
