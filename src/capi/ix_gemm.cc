// ix.h: products of Q4_K weights.
#include "capi/gemm.h"
#include "capi/last_error.h"
#include "ix/ix.h"

extern "C" {

ix_status ix_gemm_q4_K(const ix_block_q4_K* A, const ix_fp16* B, float* C, int64_t M, int64_t N,
                       int64_t K, const ix_gemm_options* options, ix_stream* stream) {
  return ix::capi::guarded("ix_gemm_q4_K",
                           [&] { return ix::capi::gemm(A, B, C, M, N, K, options, stream); });
}

ix_status ix_gemm_pack(const ix_block_q4_K* A, int64_t M, int64_t K, const ix_gemm_options* options,
                       ix_gemm_weights** weights) {
  return ix::capi::guarded("ix_gemm_pack",
                           [&] { return ix::capi::pack_weights(A, M, K, options, weights); });
}

ix_status ix_gemm_packed(const ix_gemm_weights* weights, const ix_fp16* B, float* C, int64_t N,
                         const ix_gemm_options* options, ix_stream* stream) {
  return ix::capi::guarded(
      "ix_gemm_packed", [&] { return ix::capi::gemm_packed(weights, B, C, N, options, stream); });
}

ix_status ix_gemm_weights_free(ix_gemm_weights* weights) {
  return ix::capi::guarded("ix_gemm_weights_free", [&] { return ix::capi::free_weights(weights); });
}
}
