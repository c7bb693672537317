// Threads that measure together: all of them start at once, each on a thread of its own.
#pragma once

#include <atomic>

namespace ix::limits {

// One use. With it a pool's tasks, as many as it has threads, cannot fall to the same thread.
class StartLine {
 public:
  explicit StartLine(int threads) : missing_(threads) {}

  // Returns when all threads have arrived.
  void wait();

 private:
  std::atomic<int> missing_;
};

}  // namespace ix::limits
