// A program with every operation of the builder.
#pragma once

#include <string>

#include "backend/xla/hlo/builder.h"

namespace ix::testing {

// For two replicas.
backend::xla::hlo::Module every_operation(const std::string& name);

}  // namespace ix::testing
