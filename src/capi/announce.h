// Two lines on stderr that name the backend and the device that serves it.
#pragma once

namespace ix::capi {

// Writes them at the first call of a process, unless IX_QUIET=1.
void announce_once() noexcept;

}  // namespace ix::capi
