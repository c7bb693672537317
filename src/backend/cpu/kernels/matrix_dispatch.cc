#include "backend/cpu/kernels/matrix_dispatch.h"

namespace ix::backend::cpu {

const MatrixKernels& matrix_kernels(Isa /*isa*/) { return kMatrixKernelsGeneric; }

}  // namespace ix::backend::cpu
