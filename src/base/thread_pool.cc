#include "base/thread_pool.h"

#include <fmt/format.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <system_error>

#include "base/check.h"
#include "base/host_limits.h"

namespace ix {
namespace {

constexpr auto kSpin = std::chrono::microseconds(20);

void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// std::atomic::wait() yields the processor, one more system call, before it sleeps.
void futex(const std::atomic<int32_t>& value, int operation, int32_t argument) {
  static_assert(sizeof(value) == sizeof(int32_t) && std::atomic<int32_t>::is_always_lock_free);
  syscall(SYS_futex, &value, operation | FUTEX_PRIVATE_FLAG, argument, nullptr, nullptr, 0);
}

}  // namespace

Result<std::unique_ptr<ThreadPool>> ThreadPool::start(int threads) {
  std::unique_ptr<ThreadPool> pool(new ThreadPool);
  IX_RETURN_IF_ERROR(pool->start_workers(threads));
  return pool;
}

ThreadPool::ThreadPool(int threads) { IX_CHECK(start_workers(threads).ok()); }

Status ThreadPool::start_workers(int threads) {
  IX_CHECK(threads >= 1);
  workers_.reserve(static_cast<size_t>(threads) - 1);
  try {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
  } catch (const std::system_error& error) {
    return resource_exhausted(fmt::format("cannot start {} threads: the system allows {} ({})",
                                          threads, this->threads(), error.code().message()));
  }
  return ok_status();
}

ThreadPool::~ThreadPool() {
  stop_.store(true, std::memory_order_relaxed);
  generation_.fetch_add(1);
  wake(generation_);
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run(int64_t tasks, Task task) {
  if (workers_.empty() || tasks <= 1) {
    for (int64_t i = 0; i < tasks; ++i) task(i, 0);
    return;
  }
  task_ = &task;
  tasks_ = tasks;
  next_.store(0, std::memory_order_relaxed);
  working_.store(static_cast<int32_t>(workers_.size()), std::memory_order_relaxed);
  generation_.fetch_add(1);
  wake(generation_);
  take_tasks(0);
  // Every worker passes through once, so none can still read task_ when run() returns.
  for (int32_t left = working_.load(std::memory_order_acquire); left != 0;
       left = working_.load(std::memory_order_acquire)) {
    wait_while_equal(working_, left);
  }
}

void ThreadPool::take_tasks(int thread) {
  for (int64_t i = next_.fetch_add(1, std::memory_order_relaxed); i < tasks_;
       i = next_.fetch_add(1, std::memory_order_relaxed)) {
    (*task_)(i, thread);
  }
}

// Returns once value differs from old: spins first, then sleeps.
void ThreadPool::wait_while_equal(const std::atomic<int32_t>& value, int32_t old) {
  const auto until = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 64; ++i) {
      if (value.load(std::memory_order_acquire) != old) return;
      pause_cpu();
    }
  } while (std::chrono::steady_clock::now() < until);
  // In the one order of sequentially consistent operations either the sleeper is counted before
  // wake() looks, or the new value is there before the sleeper looks.
  sleepers_.fetch_add(1);
  while (value.load() == old) futex(value, FUTEX_WAIT, old);
  sleepers_.fetch_sub(1);
}

// After a change of value by a sequentially consistent operation.
void ThreadPool::wake(const std::atomic<int32_t>& value) {
  if (sleepers_.load() > 0) futex(value, FUTEX_WAKE, std::numeric_limits<int32_t>::max());
}

void ThreadPool::work(int thread) {
  int32_t seen = 0;
  for (;;) {
    wait_while_equal(generation_, seen);
    seen = generation_.load(std::memory_order_acquire);
    if (stop_.load(std::memory_order_relaxed)) return;
    take_tasks(thread);
    if (working_.fetch_sub(1) == 1) wake(working_);
  }
}

int default_threads() {
  int threads = 1;
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof(mask), &mask) == 0) threads = CPU_COUNT(&mask);
  if (const auto quota = cgroup_cpu_quota()) {
    threads = std::min(threads, static_cast<int>(std::ceil(*quota)));
  }
  return std::max(threads, 1);
}

}  // namespace ix
