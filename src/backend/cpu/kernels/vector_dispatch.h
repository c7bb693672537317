// From an instruction set to its float kernels.
#pragma once

#include "backend/cpu/kernels/isa.h"
#include "backend/cpu/kernels/vector_kernels.h"

namespace ix::backend::cpu {

// The table of a set that is among available_isas().
const VectorKernels& vector_kernels(Isa isa);

}  // namespace ix::backend::cpu
