// Counts system calls of some work, on all threads, without privileges: a seccomp filter in a child
// process traps them. A page fault is no system call.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

namespace ix::testing {

using Work = std::function<void()>;

// Forks, calls prepare() in the child and then what it returned, whose calls are counted by number.
// Calls in `allowed` work and are not counted; any other fails with ENOSYS. rt_sigreturn and
// exit_group are always allowed. Nothing where the child did not come to its end. The caller must
// be the only thread of its process.
std::optional<std::map<int, int64_t>> count_system_calls(const std::function<Work()>& prepare,
                                                         const std::vector<int>& allowed);

}  // namespace ix::testing
