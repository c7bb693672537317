// Why neuronx-cc failed, from how it ended and what it wrote.
#pragma once

#include <string>
#include <string_view>

#include "backend/neuron/compiler/process.h"
#include "base/status.h"

namespace ix::backend::neuron {

// `what` names the program; `log` is everything that the compiler wrote. The message explains the
// error code that the log names, where there is one, and ends with the log's last lines. `end` is
// not a success, or is one that left no NEFF.
Status compiler_failure(std::string_view what, const ProcessEnd& end, std::string_view log);

}  // namespace ix::backend::neuron
