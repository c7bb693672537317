/* A program outside the tree: one product by the installed library, checked by hand.
 *   consumer [ix]      ix: only functions of ix/ix.h are called */
#include <ix/inferentia.h>
#include <stdio.h>
#include <string.h>

#define FP16_ONE 0x3c00
#define FP16_TWO 0x4000

static int fail(const char* what) {
  fprintf(stderr, "%s: %s\n", what, ix_last_error());
  return 1;
}

int main(int argc, char** argv) {
  ix_block_q4_K a[2]; /* A [2, 256]: row 0 is all 3, row 1 is all 2 * 3 - 1 = 5 */
  ix_fp16 b[256];     /* B [256, 1]: all 2 */
  float c[2] = {0, 0};
  const int only_ix = argc > 1 && strcmp(argv[1], "ix") == 0;
  memset(a, 0, sizeof(a));
  a[0].d = FP16_ONE;
  a[1].d = FP16_TWO;
  a[1].dmin = FP16_ONE;
  for (int row = 0; row < 2; ++row) {
    for (int j = 0; j < 4; ++j) {
      a[row].scales[j] = 1;     /* scales of sub-blocks 0..3 */
      a[row].scales[j + 4] = 1; /* mins of 0..3; row 0 has dmin = 0 */
      a[row].scales[j + 8] = 0x11;
    }
    memset(a[row].qs, 0x33, sizeof(a[row].qs));
  }
  for (int i = 0; i < 256; ++i) b[i] = FP16_TWO;

  if (only_ix) {
    if (ix_gemm_q4_K(a, b, c, 2, 1, 256, NULL, NULL) != IX_OK) return fail("ix_gemm_q4_K");
  } else {
    gemm_q4_K_aws_inferentia(a, b, c, 2, 1, 256, NULL);
    if (ix_last_status() != IX_OK) return fail("gemm_q4_K_aws_inferentia");
    if (gemm_q4_K_inferentia(a, b, c, 2, 1, 256, NULL, NULL) != IX_OK) {
      return fail("gemm_q4_K_inferentia");
    }
  }
  printf("%g %g\n", c[0], c[1]); /* 256 * 3 * 2 = 1536, 256 * 5 * 2 = 2560 */
  return c[0] == 1536.0f && c[1] == 2560.0f ? 0 : 1;
}
