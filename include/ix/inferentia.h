/* The entry points of the AWS Inferentia backend: Q4_K x FP16 -> FP32.
 *
 * The conventions of ix/ix.h hold. The functions serve whatever device IX_DEVICE chooses; the first
 * call of one of them in a process writes two lines to stderr, the second naming the device that
 * really serves. IX_QUIET=1 silences them. Every product is IX_PRECISION_EXACT unless the options
 * say otherwise.
 *
 * On NeuronCores (IX_DEVICE=neuron) a product runs on programs that neuronx-cc compiles, one for
 * each [M, K] and each power of two that N is padded to (512 at most: wider products are cut). The
 * first call that needs one takes minutes where the cache has it not; docs/neuron.md.
 */
#ifndef IX_INFERENTIA_H_
#define IX_INFERENTIA_H_

#include "ix/ix.h"

#ifdef __cplusplus
extern "C" {
#endif

#define IX_BACKEND_ID "Inference-X-AWS_INFERENTIA"
#define IX_BACKEND_FINGERPRINT 0x935E1DAD

/* out[256 b + i] = weight i of blocks[b], FP32, not rounded to FP16; the same bits on all devices.
 *   blocks [n_blocks], out [256 n_blocks]; spread over n_cores cores of the device (0: all; more
 *   than there are: all). Returns when done. */
IX_EXPORT ix_status dequant_q4_K_inferentia(const ix_block_q4_K* blocks, float* out,
                                            int64_t n_blocks, int32_t n_cores);

/* C = A B, as ix_gemm_q4_K(). Beside the CPU, A is dequantised and sent to the device in each call:
 * for more than one product with one A make a cache. */
IX_EXPORT ix_status gemm_q4_K_inferentia(const ix_block_q4_K* A, const ix_fp16* B, float* C,
                                         int64_t M, int64_t N, int64_t K,
                                         const ix_gemm_options* options, ix_stream* stream);

/* Weights A [M, K / 256] dequantised to FP16 once and kept on the device: 2 bytes a weight. A need
 * not last. *cache is the
 * caller's, to be given to gemm_q4_K_inferentia_cache_free(); NULL there does nothing. */
typedef ix_gemm_weights gemm_q4_K_inferentia_cache;
IX_EXPORT ix_status gemm_q4_K_inferentia_cache_create(const ix_block_q4_K* A, int64_t M, int64_t K,
                                                      gemm_q4_K_inferentia_cache** cache);
IX_EXPORT ix_status gemm_q4_K_inferentia_cache_free(gemm_q4_K_inferentia_cache* cache);

/* C = A B with the A of the cache, as ix_gemm_packed(). */
IX_EXPORT ix_status gemm_q4_K_inferentia_cached(const gemm_q4_K_inferentia_cache* cache,
                                                const ix_fp16* B, float* C, int64_t N,
                                                const ix_gemm_options* options, ix_stream* stream);

/* C[i] = A B[i] for i in [0, batch_size): one set of weights, batches spread over n_devices devices
 * (0: all; more than there are: all; the CPU is one). Beside the CPU the devices form equal groups,
 * at most n_devices and batch_size of them; each group has the weights, its cores share their rows,
 * and the columns of the whole batch are divided between the groups. Two cores of an Inferentia2
 * are one device. B, C: [batch_size] pointers to matrices of one shape and layout; the two arrays
 * of pointers need not outlast the call. */
IX_EXPORT ix_status gemm_q4_K_inferentia_batched(const ix_block_q4_K* A, const ix_fp16* const* B,
                                                 float* const* C, int64_t M, int64_t N, int64_t K,
                                                 int64_t batch_size, int32_t n_devices,
                                                 const ix_gemm_options* options, ix_stream* stream);

/* One product of a pipeline: as the arguments of gemm_q4_K_inferentia(). */
typedef struct gemm_q4_K_inferentia_request {
  size_t struct_size;
  const ix_block_q4_K* A;
  const ix_fp16* B;
  float* C;
  int64_t M;
  int64_t N;
  int64_t K;
  const ix_gemm_options* options; /* may be NULL */
} gemm_q4_K_inferentia_request;

/* Runs requests[i] on stream i mod n_streams of n_streams streams of its own (1..256), and returns
 * when all have ended. Requests are checked before any begins: one that is invalid stops all, and
 * the message says which. Outputs of different requests may not overlap, but for those of one
 * stream, which run in order. requests [n_requests]: an array of pointers. Beside the CPU, requests
 * with the same A (pointer, M, K and lda) send it once. */
IX_EXPORT ix_status gemm_q4_K_inferentia_pipelined(
    const gemm_q4_K_inferentia_request* const* requests, int64_t n_requests, int32_t n_streams);

/* Drop-in host functions without a status: C = A B, dense and row-major; stream is an ix_stream* or
 * NULL. On an error C is untouched, a line goes to stderr, and ix_last_status() and ix_last_error()
 * tell. The batch: one A, B [batch_size, K, N], C [batch_size, M, N]. */
IX_EXPORT void gemm_q4_K_aws_inferentia(const ix_block_q4_K* A, const ix_fp16* B, float* C, int M,
                                        int N, int K, void* stream);
IX_EXPORT void gemm_q4_K_aws_inferentia_batch(const ix_block_q4_K* A, const ix_fp16* B, float* C,
                                              int M, int N, int K, int batch_size, void* stream);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* IX_INFERENTIA_H_ */
