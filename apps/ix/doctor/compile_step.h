// Compiling apart from loading, as Neuron does.
#pragma once

#include <functional>

#include "doctor/device_under_test.h"
#include "doctor/step.h"

namespace ix::cli::doctor {

// The step that opens the device.
inline constexpr const char* kOpenStep = "device";

inline constexpr std::chrono::seconds kCompileLimit{600};
// Longer, because what is refused is looked for by halving.
inline constexpr std::chrono::seconds kFamilyCompileLimit{1800};

// The program from the cache or the compiler: whether it was compiled now.
Result<bool> compile(DeviceUnderTest& device, const backend::xla::hlo::Module& module);

// Where the compiler is missing and the cache lacks the program.
StepResult without_compiler();

// A small program, for so many cores.
using BuildModule = std::function<Result<backend::xla::hlo::Module>(int ranks)>;
Step compile_step(const std::string& id, const std::string& title, BuildModule build);

}  // namespace ix::cli::doctor
