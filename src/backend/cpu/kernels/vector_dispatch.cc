#include "backend/cpu/kernels/vector_dispatch.h"

namespace ix::backend::cpu {

const VectorKernels& vector_kernels(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case Isa::avx2:
    case Isa::avx2vnni:
      return kVectorKernelsAvx2;
    case Isa::avx512vnni:
    case Isa::amx:  // whose CPUs take as long for a dot product of bfloat16 as for four FMAs
      return kVectorKernelsAvx512Vnni;
    case Isa::avx512bf16:
      return kVectorKernelsAvx512Bf16;
#elif defined(__aarch64__)
    case Isa::neon_dotprod:
    case Isa::neon_i8mm:
      return kVectorKernelsNeon;
#endif
    default:
      return kVectorKernelsGeneric;
  }
}

}  // namespace ix::backend::cpu
