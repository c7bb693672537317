// From an instruction set to its matrix kernels.
#pragma once

#include "backend/cpu/kernels/isa.h"
#include "backend/cpu/kernels/matrix_kernels.h"

namespace ix::backend::cpu {

// The table of a set that is among available_isas().
const MatrixKernels& matrix_kernels(Isa isa);

}  // namespace ix::backend::cpu
