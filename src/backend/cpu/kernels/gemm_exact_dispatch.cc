#include "backend/cpu/kernels/gemm_exact_dispatch.h"

namespace ix::backend::cpu {

const ExactKernels& exact_kernels(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case Isa::avx2:
    case Isa::avx2vnni:
      return kExactKernelsAvx2;
    case Isa::avx512vnni:
    case Isa::avx512bf16:
    case Isa::amx:
      return kExactKernelsAvx512Vnni;
#elif defined(__aarch64__)
    case Isa::neon_dotprod:
    case Isa::neon_i8mm:
      return kExactKernelsNeon;
#endif
    default:
      return kExactKernelsGeneric;
  }
}

}  // namespace ix::backend::cpu
