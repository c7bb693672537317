// One pool of threads for data-parallel loops.
//
// Work is taken from an atomic counter, so a slow or stolen core does not hold the others back.
// Between loops a worker spins for at most 20 microseconds and then sleeps on a futex. No other
// system call is made.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "base/function_ref.h"
#include "base/result.h"

namespace ix {

class ThreadPool {
 public:
  // threads >= 1 counts the caller of run(): threads - 1 workers are started. resource_exhausted,
  // with the figures, where the system refuses one of them.
  static Result<std::unique_ptr<ThreadPool>> start(int threads);

  // The same where threads are few enough that none is refused.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls task(index, thread) for every index in [0, tasks), on up to threads() threads, and
  // returns when all have ended. thread is in [0, threads()). task must not throw and must not
  // call run(). One caller at a time. Allocates nothing.
  void run(int64_t tasks, FunctionRef<void(int64_t index, int thread)> task);

 private:
  using Task = FunctionRef<void(int64_t, int)>;
  ThreadPool() = default;
  Status start_workers(int threads);
  void work(int thread);
  void take_tasks(int thread);
  void wait_while_equal(const std::atomic<int32_t>& value, int32_t old);
  void wake(const std::atomic<int32_t>& value);

  std::vector<std::thread> workers_;
  const Task* task_ = nullptr;  // written before generation_ moves, read after
  int64_t tasks_ = 0;
  alignas(64) std::atomic<int64_t> next_{0};
  alignas(64) std::atomic<int32_t> generation_{0};
  alignas(64) std::atomic<int32_t> working_{0};
  alignas(64) std::atomic<int32_t> sleepers_{0};
  std::atomic<bool> stop_{false};
};

// The number of threads to use when nobody says: the smaller of the affinity mask and the cgroup's
// CPU quota (rounded up), at least 1.
int default_threads();

}  // namespace ix
