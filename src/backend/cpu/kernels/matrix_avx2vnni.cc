// Matrix kernels for AVX2 with VNNI.
#include "backend/cpu/kernels/matrix_dot_avx2vnni.h"
// Order matters: the tiles are written over the dot products above.
#include "backend/cpu/kernels/matrix_blocks32_avx2.h"
#include "backend/cpu/kernels/matrix_blocks_k_avx2.h"
#include "backend/cpu/kernels/matrix_floats_avx2.h"
// And the types over the quants.
#include "backend/cpu/kernels/matrix_types.h"
//
#include "backend/cpu/kernels/quantize_kernels.h"

namespace ix::backend::cpu {

const MatrixKernels kMatrixKernelsAvx2Vnni =
    make_matrix_kernels<Blocks32, BlocksK, BlocksK16, BlocksK16<Q6_K>, Floats>(
        quantize_q8_32_avx2, quantize_q8_256_avx2);

}  // namespace ix::backend::cpu
