// Matrix kernels for NEON with I8MM.
#include "backend/cpu/kernels/matrix_blocks32_neon.h"
#include "backend/cpu/kernels/matrix_blocks_k_neon.h"
#include "backend/cpu/kernels/matrix_floats_neon.h"
// Order matters: the types are written over the quants above.
#include "backend/cpu/kernels/matrix_types.h"
//
#include "backend/cpu/kernels/quantize_kernels.h"

namespace ix::backend::cpu {

const MatrixKernels kMatrixKernelsNeonI8mm =
    make_matrix_kernels<Blocks32, BlocksK, BlocksK16, BlocksQ6K, Floats>(quantize_q8_32_neon,
                                                                         quantize_q8_256_neon);

}  // namespace ix::backend::cpu
