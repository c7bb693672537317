// The table of steps.
#pragma once

#include <vector>

#include "doctor/device_under_test.h"
#include "doctor/step.h"

namespace ix::cli::doctor {

// In the order in which they run.
std::vector<Step> steps_for(const DoctorOptions& options);

// Programs that the steps have the compiler make, those of the model counted too; 0 where
// compiling is no matter of its own.
int programs_to_compile(const DoctorOptions& options);

}  // namespace ix::cli::doctor
