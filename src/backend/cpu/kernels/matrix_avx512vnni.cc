// Matrix kernels for AVX-512 with VNNI.
#include "backend/cpu/kernels/matrix_blocks32_avx512vnni.h"
#include "backend/cpu/kernels/matrix_blocks_k_avx512vnni.h"
#include "backend/cpu/kernels/matrix_floats_avx512vnni.h"
// Order matters: the types are written over the quants above.
#include "backend/cpu/kernels/matrix_types.h"
//
#include "backend/cpu/kernels/quantize_kernels.h"

namespace ix::backend::cpu {
namespace {

template <typename Type>
using Shortened = BlocksK<Type>;
template <typename Type>
using Shortened16 = BlocksK16<Type>;

}  // namespace

const MatrixKernels kMatrixKernelsAvx512Vnni =
    make_matrix_kernels<Blocks32, Shortened, Shortened16, Shortened16<Q6_K>, Floats>(
        quantize_q8_32_avx512vnni, quantize_q8_256_avx512vnni);

}  // namespace ix::backend::cpu
