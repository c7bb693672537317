#include "limits/start_line.h"

#include <thread>

namespace ix::limits {

void StartLine::wait() {
  missing_.fetch_sub(1);
  // More threads than CPUs must not wait for each other's time slices.
  while (missing_.load() > 0) std::this_thread::yield();
}

}  // namespace ix::limits
