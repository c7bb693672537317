// Products, their arguments checked, as work for this thread or a stream.
#pragma once

#include <memory>
#include <span>

#include "base/result.h"
#include "capi/gemm_arguments.h"
#include "capi/runtime.h"
#include "ix/ix.h"

namespace ix::capi {

// All products of a batch with one A.
struct GemmWork {
  std::shared_ptr<const Weights> weights;  // or null, and then:
  BlockMatrix blocks;
  bool exact = true;
  // Of the accelerator's devices, between which the columns are divided; each has all of A.
  int64_t most_groups = 1;
  CheckedOperands operands;

  // False where nothing is multiplied: C is empty, or zero.
  bool needs_weights() const {
    return blocks.rows > 0 && blocks.cols > 0 && operands.layout.n > 0 && !operands.batch.empty();
  }
};

// The arguments of ix_gemm_q4_K() for a batch with one A. Its errors, but for streams and memory.
Result<GemmWork> check_gemm(const ix_block_q4_K* a, std::span<const ix_fp16* const> b,
                            std::span<float* const> c, int64_t m, int64_t n, int64_t k,
                            const ix_gemm_options* options);

// Computes on at most `threads` threads, 0: all. Writes to C only where nothing fails.
Status run_gemm(Machine& machine, const GemmWork& work, int threads);

// Now and here where `stream` is null, else behind what the stream has.
Status submit_gemm(GemmWork work, ix_stream* stream);

// A made ready for repeated products, by at most `threads` threads. The errors of ix_gemm_pack().
Result<std::shared_ptr<const Weights>> make_weights(Machine& machine, const BlockMatrix& blocks,
                                                    bool exact, int threads);

// ix_gemm_q4_K(), ix_gemm_packed(), ix_gemm_pack() and ix_gemm_weights_free().
Status gemm(const ix_block_q4_K* a, const ix_fp16* b, float* c, int64_t m, int64_t n, int64_t k,
            const ix_gemm_options* options, ix_stream* stream);
Status gemm_packed(const ix_gemm_weights* weights, const ix_fp16* b, float* c, int64_t n,
                   const ix_gemm_options* options, ix_stream* stream);
Status pack_weights(const ix_block_q4_K* a, int64_t m, int64_t k, const ix_gemm_options* options,
                    ix_gemm_weights** weights);
Status free_weights(ix_gemm_weights* weights);

}  // namespace ix::capi
