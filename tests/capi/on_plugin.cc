// Chooses XLA's CPU plugin with two virtual devices for all tests of the program.
#include <cstdlib>

#include "xla/pjrt/plugins.h"

namespace ix::testing {
namespace {

const bool chosen = ::setenv("IX_DEVICE", ("pjrt:" + cpu_plugins().back().path).c_str(), 1) == 0 &&
                    ::setenv("IX_PJRT_DEVICES", "2", 1) == 0;

}  // namespace
}  // namespace ix::testing
