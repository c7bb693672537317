/* Uses every entry point of inferentia.h on whatever device IX_DEVICE names, checks the numbers by
 * hand, and ends.
 *   accelerator tidy|leave      leave: with a cache, a stream and work that is queued */
#include <ix/inferentia.h>
#include <stdio.h>
#include <string.h>

enum { M = 5, K = 512, N = 3, BATCH = 4 };
#define FP16_ONE 0x3c00

/* Row r of A [M, K] is all r + 1, B is all 1: C[r][j] = 512 (r + 1), whatever the order of sums. */
static ix_block_q4_K a[M * K / 256];
static ix_fp16 b[BATCH * K * N];
static float c[200][BATCH * M * N];

static int right(const float* got, int products) {
  for (int i = 0; i < products * M * N; ++i) {
    if (got[i] != 512.0f * (float)(i / N % M + 1)) return 0;
  }
  return 1;
}

static int fail(const char* what) {
  fprintf(stderr, "%s: %s\n", what, ix_last_error());
  return 1;
}

static void fill_operands(void) {
  for (int block = 0; block < M * K / 256; ++block) {
    a[block].d = FP16_ONE;
    memset(a[block].scales, 1, 4);        /* scales of sub-blocks 0..3 */
    memset(a[block].scales + 8, 0x01, 4); /* of 4..7 */
    memset(a[block].qs, 0x11 * (block / (K / 256) + 1), sizeof(a[block].qs));
  }
  for (int i = 0; i < BATCH * K * N; ++i) b[i] = FP16_ONE;
}

static int run(gemm_q4_K_inferentia_cache** cache, ix_stream** stream) {
  static float weights[M * K];
  const ix_fp16* all_b[BATCH];
  float* all_c[BATCH];
  gemm_q4_K_inferentia_request requests[BATCH];
  const gemm_q4_K_inferentia_request* pointers[BATCH];
  for (int i = 0; i < BATCH; ++i) {
    const gemm_q4_K_inferentia_request request = {
        sizeof(request), a, b + i * K * N, c[1] + i * M * N, M, N, K, NULL};
    all_b[i] = b + i * K * N;
    all_c[i] = c[0] + i * M * N;
    requests[i] = request;
    pointers[i] = &requests[i];
  }
  gemm_q4_K_aws_inferentia(a, b, c[2], M, N, K, NULL);
  if (ix_last_status() != IX_OK || !right(c[2], 1)) return fail("gemm_q4_K_aws_inferentia");
  if (gemm_q4_K_inferentia_batched(a, all_b, all_c, M, N, K, BATCH, 0, NULL, NULL) != IX_OK ||
      !right(c[0], BATCH)) {
    return fail("batched");
  }
  if (gemm_q4_K_inferentia_pipelined(pointers, BATCH, 3) != IX_OK || !right(c[1], BATCH)) {
    return fail("pipelined");
  }
  if (dequant_q4_K_inferentia(a, weights, M * K / 256, 0) != IX_OK) return fail("dequant");
  for (int i = 0; i < M * K; ++i) {
    if (weights[i] != (float)(i / K + 1)) return fail("weights");
  }
  if (gemm_q4_K_inferentia_cache_create(a, M, K, cache) != IX_OK) return fail("cache_create");
  if (ix_stream_create(NULL, stream) != IX_OK) return fail("stream_create");
  for (int i = 3; i < 200; ++i) {
    if (gemm_q4_K_inferentia_cached(*cache, b, c[i], N, NULL, *stream) != IX_OK) {
      return fail("cached");
    }
  }
  return 0;
}

int main(int argc, char** argv) {
  gemm_q4_K_inferentia_cache* cache = NULL;
  ix_stream* stream = NULL;
  const char* name = NULL;
  fill_operands();
  if (argc != 2 || run(&cache, &stream) != 0) return 1;
  if (strcmp(argv[1], "tidy") == 0) {
    if (ix_stream_synchronize(stream) != IX_OK) return fail("synchronize");
    for (int i = 3; i < 200; ++i) {
      if (!right(c[i], 1)) return fail("results of the stream");
    }
    if (ix_stream_destroy(stream) != IX_OK) return fail("stream_destroy");
    if (gemm_q4_K_inferentia_cache_free(cache) != IX_OK) return fail("cache_free");
  }
  if (ix_device_name(&name) != IX_OK) return fail("device_name");
  printf("%s\n", name);
  return 0;
}
