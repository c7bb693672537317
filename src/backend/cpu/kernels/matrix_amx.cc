// Matrix kernels for AMX with 8-bit integers; few activation rows, and what has no units, take
// AVX-512's kernels, with whole integers.
#include "backend/cpu/kernels/matrix_blocks32_amx.h"
#include "backend/cpu/kernels/matrix_blocks_k_amx.h"
#include "backend/cpu/kernels/matrix_floats_avx512vnni.h"
// Order matters: the types are written over the quants above.
#include "backend/cpu/kernels/matrix_types.h"
//
#include "backend/cpu/kernels/quantize_kernels.h"

namespace ix::backend::cpu {
namespace {

template <typename Type>
constexpr MatmulFn kUnits32 = run_units<Units32<Type>, Blocks32<Type>>;
template <typename Type, int kShift>
constexpr MatmulFn kUnitsK = run_units<UnitsK<Type, kShift>, BlocksK<Type, true>>;

template <typename... Kernel>
constexpr int64_t largest_scratch() {
  int64_t most = 0;
  ((most = most < int64_t{sizeof(Scratch<Kernel>)} ? int64_t{sizeof(Scratch<Kernel>)} : most), ...);
  return most;
}

}  // namespace

const MatrixKernels kMatrixKernelsAmx = {
    {quantize_q8_32_avx512vnni, quantize_q8_256_avx512vnni, copy_f32},
    {kUnits32<Q4_0>, kUnits32<Q4_1>, kUnits32<Q5_0>, kUnits32<Q5_1>, kUnits32<Q8_0>,
     run_tiles<BlocksK16<Q2_K>>, run_tiles<BlocksK16<Q3_K>>, kUnitsK<Q4_K, 2>, kUnitsK<Q5_K, 3>,
     run_units<UnitsQ6K, BlocksK16<Q6_K, true>>, run_tiles<Floats<F16>>, run_tiles<Floats<BF16>>},
    largest_scratch<Units32<Q4_1>, UnitsK<Q4_K, 2>, UnitsK<Q5_K, 3>, UnitsQ6K>(),
    kGroupPanels,
};

}  // namespace ix::backend::cpu
