#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace ix {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "ix: internal error: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace ix
