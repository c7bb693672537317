#include "backend/cpu/kernels/matrix_dispatch.h"

namespace ix::backend::cpu {

const MatrixKernels& matrix_kernels(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case Isa::avx2:
      return kMatrixKernelsAvx2;
    case Isa::avx2vnni:
      return kMatrixKernelsAvx2Vnni;
    case Isa::avx512vnni:
    case Isa::avx512bf16:
      return kMatrixKernelsAvx512Vnni;
    case Isa::amx:
      return kMatrixKernelsAmx;
#elif defined(__aarch64__)
    case Isa::neon_dotprod:
      return kMatrixKernelsNeonDotProd;
    case Isa::neon_i8mm:
      return kMatrixKernelsNeonI8mm;
#endif
    default:
      return kMatrixKernelsGeneric;
  }
}

}  // namespace ix::backend::cpu
