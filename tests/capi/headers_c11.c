/* The headers are C11; this file is compiled with -std=c11 -Wall -Wextra -Wpedantic -Werror. */
#include <ix/inferentia.h>
#include <ix/ix.h>
#include <ix/q4_types.h>

#ifdef IX_NO_DROP_IN_NAMES
typedef struct own_block block_q4_K; /* the bare names are the program's own */
#else
_Static_assert(sizeof(block_q4_K) == sizeof(ix_block_q4_K), "the original name");
#endif

int ix_test_c11_headers(void);
int ix_test_c11_headers(void) {
  const ix_gemm_options options = IX_GEMM_OPTIONS_INIT;
  const ix_stream_options stream = IX_STREAM_OPTIONS_INIT;
  return options.struct_size == sizeof(ix_gemm_options) &&
         stream.struct_size == sizeof(ix_stream_options);
}
