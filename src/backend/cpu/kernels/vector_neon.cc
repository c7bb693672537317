// The float kernels for one instruction set. Only intrinsics and C headers here.
#include "backend/cpu/kernels/vector_lanes_neon.h"
// Order matters: the bodies are written over the lanes above.
#include "backend/cpu/kernels/vector_body.h"
//
#include "backend/cpu/kernels/attention_body.h"
#include "backend/cpu/kernels/vector_kernels.h"

namespace ix::backend::cpu {

extern const VectorKernels kVectorKernelsNeon = {
    rms_norm, rope_halves, rope_interleaved,  gated_silu, gated_gelu, add_rows, scale_row, soft_cap,
    dot,      blend,       kAttentionKernels,
};

}  // namespace ix::backend::cpu
