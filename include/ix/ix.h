/* The C ABI of Inference-X: status, streams, devices, and products of Q4_K weights.
 *
 * Conventions
 *  1. C11 and C++. Nothing but C types and opaque handles crosses this header; no exception leaves.
 *  2. A function that can fail returns an ix_status. On anything but IX_OK no output is written,
 * and ix_last_error() of the calling thread says what was wrong and what is allowed.
 *  3. Handles are names, not addresses: never dereference one, and one that was destroyed is
 * refused with IX_INVALID_ARGUMENT, however long ago that was. Each create function has one that
 * frees. Freeing NULL does nothing.
 *  4. Every function may be called from any thread at any time, with the same handles too.
 *  5. Matrices are row-major, shapes are written [rows, columns]. Pointers are aligned as their
 * type asks (ix_block_q4_K and ix_fp16: 2 bytes, float: 4). Outputs overlap no inputs.
 *  6. Every options struct begins with struct_size = sizeof the struct, which IX_..._INIT sets.
 *     Fields are only ever added at the end, and zero always means the default. A library that is
 *     newer than its caller takes missing fields as zero; one that is older refuses, with
 *     IX_UNSUPPORTED, a field that it does not know and that is not zero. A size that ends inside a
 *     field is IX_INVALID_ARGUMENT.
 *  7. After fork() without exec() the child may not use the library.
 *
 * Environment, read at the first call that needs it:
 *   IX_DEVICE   auto (default) | cpu | pjrt:PATH | neuron. neuron: all NeuronCores that are visible
 *               (NEURON_RT_VISIBLE_CORES), by libnrt. pjrt: the PJRT plugin in that shared library.
 *               auto: neuron where libnrt can be loaded and a core is visible, else the CPU.
 *   IX_PJRT_DEVICES  how many of the plugin's devices, 1 (default) to 1024; a plugin for CPUs makes
 *               as many virtual ones.
 *   IX_CPU_ISA  the instruction set of the CPU kernels: generic, avx2, avx2vnni,
 *               avx512vnni, avx512bf16, amx; on Arm neon_dotprod, neon_i8mm.
 */
#ifndef IX_IX_H_
#define IX_IX_H_

#include <stddef.h>
#include <stdint.h>

#include "ix/q4_types.h"

#if defined(__GNUC__)
#define IX_EXPORT __attribute__((visibility("default")))
#else
#define IX_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- version ----------------------------------------------------------------------------------
 */

#define IX_VERSION_MAJOR 0
#define IX_VERSION_MINOR 1
#define IX_VERSION_PATCH 0
/* Grows when something is added; programs built against a smaller number keep working. */
#define IX_ABI_VERSION 1

/* "major.minor.patch" of the library that runs. Static. */
IX_EXPORT const char* ix_version(void);
/* IX_ABI_VERSION of the library that runs. */
IX_EXPORT int32_t ix_abi_version(void);

/* ---- status -----------------------------------------------------------------------------------
 */

typedef enum ix_status {
  IX_OK = 0,
  IX_INVALID_ARGUMENT = 1,   /* a value is wrong; the message says which and what is allowed */
  IX_NOT_FOUND = 2,          /* a device or file that does not exist */
  IX_PERMISSION_DENIED = 3,  /* the system refuses access */
  IX_CORRUPT = 4,            /* data contradict their format */
  IX_UNSUPPORTED = 5,        /* valid, but nothing that this library can do */
  IX_RESOURCE_EXHAUSTED = 6, /* no memory or no threads */
  IX_DEADLINE_EXCEEDED = 7,
  IX_CANCELLED = 8,
  IX_UNAVAILABLE = 9,            /* a device that is gone, or a library that is being unloaded */
  IX_INTERNAL = 10,              /* a bug of the library */
  IX_STATUS_LARGEST = 0x7fffffff /* keeps the type's width */
} ix_status;

/* "invalid argument" and so on; "unknown status" for any other number. Static. */
IX_EXPORT const char* ix_status_name(ix_status status);

/* Status and message of the calling thread's last call that could fail: IX_OK and "" where it
 * succeeded. The text is the library's, at most 1023 bytes, and lasts until this thread's next
 * call. These two functions change neither. */
IX_EXPORT ix_status ix_last_status(void);
IX_EXPORT const char* ix_last_error(void);

/* ---- devices ----------------------------------------------------------------------------------
 */

/* What serves the calls of this process, for people, such as "CPU (avx512vnni, 2 threads)". Static.
 * *name is set to it. Errors: those of IX_CPU_ISA, and where IX_DEVICE names what is not there
 * (IX_NOT_FOUND, IX_INVALID_ARGUMENT) or cannot be used now (any other); the next call tries again.
 * A device that serves may be lost: then every call that needs it gives the same status, mostly
 * IX_UNAVAILABLE or IX_DEADLINE_EXCEEDED, until the process ends. */
IX_EXPORT ix_status ix_device_name(const char** name);

/* ---- streams ----------------------------------------------------------------------------------
 */

/* A queue of work: FIFO in a stream, parallel between streams. (Beside the CPU, all cores of a
 * device work on one product at a time; streams prepare, copy and queue side by side.) Where a
 * function takes a stream, NULL means that it returns when its work is done. With a stream it
 * returns once its arguments are checked and the work is queued; the arrays must last, and outputs
 * not be read, until ix_stream_synchronize() or ix_stream_destroy() has returned. Options and
 * handles need not last.
 */
typedef struct ix_stream ix_stream;

typedef struct ix_stream_options {
  size_t struct_size;
  int32_t threads;  /* most CPU threads that work of this stream uses; 0: all. Below 0: invalid */
  int32_t reserved; /* 0 */
} ix_stream_options;
#define IX_STREAM_OPTIONS_INIT \
  { sizeof(ix_stream_options), 0, 0 }

/* options may be NULL. *stream is the caller's, to be given to ix_stream_destroy().
 * Errors: IX_INVALID_ARGUMENT; IX_RESOURCE_EXHAUSTED when no thread can be started. */
IX_EXPORT ix_status ix_stream_create(const ix_stream_options* options, ix_stream** stream);

/* Returns when all work that was queued before has ended. The status and message are those of the
 * first such work since the last synchronisation that failed. NULL: IX_OK. */
IX_EXPORT ix_status ix_stream_synchronize(ix_stream* stream);

/* Synchronises and frees. The status is that of the work, as of ix_stream_synchronize(); the stream
 * is gone in any case. NULL: IX_OK. */
IX_EXPORT ix_status ix_stream_destroy(ix_stream* stream);

/* ---- products of Q4_K weights -----------------------------------------------------------------
 */

/* How a product is computed. On the CPU an element of C is, either way, the same bits whatever N,
 * the number of threads and the batch. Other devices compute FAST as EXACT and add in an order
 * of their own, which may depend on N and on the batch. */
enum {
  /* Weights are dequantised in FP32, rounded to FP16 (to infinity beyond 65504) and multiplied with
   * B in FP32; sums are FP32 (on the CPU ascending in k), so that
   *   |C - A B| <= gamma(K) |A| |B|, gamma(K) = K u / (1 - K u), u = 2^-24
   * where no operand is infinite or NaN; those behave as IEEE 754 has them. */
  IX_PRECISION_EXACT = 0,
  /* Columns of B are quantised to 8 bits in blocks of 256, and the quants of A are multiplied as
   * they are: several times faster; the error is about 1 % of the norms. A block of B that holds
   * infinity or NaN makes its column's results NaN. */
  IX_PRECISION_FAST = 1
};

typedef struct ix_gemm_options {
  size_t struct_size;
  int32_t precision;    /* IX_PRECISION_EXACT or IX_PRECISION_FAST */
  int32_t b_transposed; /* 0: B is [K, N]. 1: B is [N, K] */
  int64_t lda;          /* blocks from one row of A to the next, >= K / 256; 0: K / 256 */
  int64_t ldb;          /* FP16 from one row of B to the next, >= its columns; 0: its columns */
  int64_t ldc;          /* floats from one row of C to the next, >= N; 0: N */
} ix_gemm_options;
#define IX_GEMM_OPTIONS_INIT \
  { sizeof(ix_gemm_options), IX_PRECISION_EXACT, 0, 0, 0, 0 }

/* C = A B.
 *   A [M, K / 256] blocks, B [K, N] or its transpose, C [M, N]. What lies between the end of a row
 *   of C and the beginning of the next is not touched.
 * M, N, K >= 0; K is a multiple of 256. With M or N = 0 nothing happens, with K = 0 C becomes zero;
 * an array without elements may be NULL. options and stream may be NULL.
 * Errors: IX_INVALID_ARGUMENT (null, negative, K, leading dimensions, alignment, sizes that
 * overflow, a destroyed stream, options), IX_RESOURCE_EXHAUSTED (no memory, of the device or the
 * host), those of ix_device_name(), and what a device's compiler or runtime says. */
IX_EXPORT ix_status ix_gemm_q4_K(const ix_block_q4_K* A, const ix_fp16* B, float* C, int64_t M,
                                 int64_t N, int64_t K, const ix_gemm_options* options,
                                 ix_stream* stream);

/* Weights [M, K] made ready for repeated products; immutable. EXACT: FP16, 2 bytes a weight. FAST:
 * packed 4-bit panels, at most 1.04 times the bytes of A. Rows beyond M are padded to 32 and 16.
 * On other devices than the CPU: FP16 in the devices' memory, rows spread over the cores. */
typedef struct ix_gemm_weights ix_gemm_weights;

/* Reads A [M, K / 256], which need not last. M, K > 0. Of the options precision and lda count; may
 * be NULL. *weights is the caller's, to be given to ix_gemm_weights_free(). Errors as
 * ix_gemm_q4_K(). */
IX_EXPORT ix_status ix_gemm_pack(const ix_block_q4_K* A, int64_t M, int64_t K,
                                 const ix_gemm_options* options, ix_gemm_weights** weights);

/* C = A B with the A of `weights`, the same bits as ix_gemm_q4_K(). Of the options b_transposed,
 * ldb and ldc count; precision and lda are those of the weights. */
IX_EXPORT ix_status ix_gemm_packed(const ix_gemm_weights* weights, const ix_fp16* B, float* C,
                                   int64_t N, const ix_gemm_options* options, ix_stream* stream);

/* Frees. Work that is already queued with the weights still ends as it should. NULL: IX_OK. */
IX_EXPORT ix_status ix_gemm_weights_free(ix_gemm_weights* weights);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* IX_IX_H_ */
