// Ctrl-C as a flag. The library installs no signal handlers; this is the only place that does.
#pragma once

namespace ix::cli {

// While alive, the first SIGINT sets a flag instead of ending the process; a second one before
// take(), or SIGTERM, ends it at once, and compilers that it started.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  bool pending() const;
  // True when there was one; forgets it.
  bool take();
};

}  // namespace ix::cli
