// One pool of threads for data-parallel loops.
//
// Each thread goes through a run of tasks of its own in ascending order, so that what neighbouring
// tasks read is one stream; one that has ended takes tasks from the end of another's, so that a
// slow or stolen core does not hold the others back. Between loops a worker spins for at most 200
// microseconds and then sleeps on a futex. No other system call is made.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
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

  // Memory that a thread will read next.
  struct Ahead {
    const std::byte* begin = nullptr;
    int64_t bytes = 0;
  };

  // Calls task(index, thread) for every index in [0, tasks), on up to threads() threads, and
  // returns when all have ended. thread is in [0, threads()). task must not throw and must not
  // call run(). One caller at a time. Allocates nothing.
  //
  // ahead [threads()], or empty: what each thread fetches into its cache while it waits for the
  // others, and between loops; its memory is never read, so it need not be there any more.
  void run(int64_t tasks, FunctionRef<void(int64_t index, int thread)> task,
           std::span<const Ahead> ahead = {});

 private:
  using Task = FunctionRef<void(int64_t, int)>;
  ThreadPool() = default;
  Status start_workers(int threads);
  void work(int thread);
  void run_round(int64_t tasks, std::span<const Ahead> ahead);
  void take_tasks(int thread);
  // The first task of the thread's own run, or the last of another's; nothing where none is left.
  std::optional<int64_t> next_task(int thread);
  void wait_while_equal(const std::atomic<int32_t>& value, int32_t old, Ahead& ahead);
  void wake(const std::atomic<int32_t>& value);

  struct alignas(64) Share {
    // Tasks [begin, end) that nobody has taken yet, of a round: begin in the upper half.
    std::atomic<uint64_t> tasks{0};
    Ahead ahead;
  };

  std::vector<std::thread> workers_;
  // Written before generation_ moves, read after.
  const Task* task_ = nullptr;
  int64_t first_ = 0;          // task of the round that counts from 0
  std::vector<Share> shares_;  // [threads]
  alignas(64) std::atomic<int32_t> generation_{0};
  alignas(64) std::atomic<int32_t> working_{0};
  alignas(64) std::atomic<int32_t> sleepers_{0};
  std::atomic<bool> stop_{false};
};

// The number of threads to use when nobody says: the smaller of the affinity mask and the cgroup's
// CPU quota (rounded up), at least 1.
int default_threads();

}  // namespace ix
