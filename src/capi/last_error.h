// The status and message of each thread's last call, and the wall that exceptions do not pass.
#pragma once

#include <new>
#include <string>
#include <string_view>

#include "base/status.h"
#include "ix/ix.h"

namespace ix::capi {

// Makes `status` what ix_last_status() and ix_last_error() of this thread say; "function: " goes
// before the message.
ix_status set_last(const Status& status, std::string_view function) noexcept;

// Line ends and the indents behind them become "; ": some messages list what was tried.
std::string one_line(std::string_view message);

// Work that throws is answered with a status: std::bad_alloc is resource_exhausted.
Status status_of_exception() noexcept;

template <typename F>
Status without_exceptions(F&& work) noexcept {
  try {
    return work();
  } catch (...) {
    return status_of_exception();
  }
}

// The body of every function of the ABI that can fail: work() -> Status.
template <typename F>
ix_status guarded(std::string_view function, F&& work) noexcept {
  return set_last(without_exceptions(work), function);
}

}  // namespace ix::capi
