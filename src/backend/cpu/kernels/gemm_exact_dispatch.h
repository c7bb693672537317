// From an instruction set to its kernels of the exact product.
#pragma once

#include "backend/cpu/kernels/gemm_exact_kernels.h"
#include "backend/cpu/kernels/isa.h"

namespace ix::backend::cpu {

// The table of a set that is among available_isas().
const ExactKernels& exact_kernels(Isa isa);

}  // namespace ix::backend::cpu
