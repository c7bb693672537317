// The headers are C++ too; this file is compiled with and without IX_NO_DROP_IN_NAMES.
#include <ix/inferentia.h>
#include <ix/ix.h>
#include <ix/q4_types.h>

#ifdef IX_NO_DROP_IN_NAMES
struct block_q4_K;  // the bare names are the program's own
#else
static_assert(sizeof(block_q4_K) == sizeof(ix_block_q4_K), "the original name");
#endif

static_assert(IX_BACKEND_FINGERPRINT == 0x935E1DAD, "as the backend has it");
