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

constexpr int64_t kLine = 64;  // bytes of a cache line
// Longer than what lies between two steps of decoding, as a woken thread of a virtual machine was
// seen to come 180 microseconds late, and its loop cannot end before it has passed.
constexpr auto kSpin = std::chrono::microseconds(200);

// Of a round, so that both bounds of a range are one atomic.
constexpr int64_t kMostTasks = int64_t{1} << 31;

uint64_t pack_bounds(int64_t begin, int64_t end) {
  return static_cast<uint64_t>(begin) << 32 | static_cast<uint64_t>(end);
}
int64_t begin_of(uint64_t bounds) { return static_cast<int64_t>(bounds >> 32); }
int64_t end_of(uint64_t bounds) { return static_cast<int64_t>(bounds & 0xffffffffU); }

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
  shares_ = std::vector<Share>(static_cast<size_t>(threads));
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

void ThreadPool::run(int64_t tasks, Task task, std::span<const Ahead> ahead) {
  if (workers_.empty() || tasks <= 1) {
    for (int64_t i = 0; i < tasks; ++i) task(i, 0);
    return;
  }
  task_ = &task;
  for (first_ = 0; first_ < tasks; first_ += kMostTasks) {
    run_round(std::min(tasks - first_, kMostTasks), ahead);
  }
}

void ThreadPool::run_round(int64_t tasks, std::span<const Ahead> ahead) {
  const int64_t threads = this->threads();
  for (int64_t t = 0; t < threads; ++t) {
    Share& share = shares_[static_cast<size_t>(t)];
    share.tasks.store(pack_bounds(t * tasks / threads, (t + 1) * tasks / threads),
                      std::memory_order_relaxed);
    share.ahead = ahead.empty() ? Ahead{} : ahead[static_cast<size_t>(t)];
  }
  working_.store(static_cast<int32_t>(workers_.size()), std::memory_order_relaxed);
  generation_.fetch_add(1);
  wake(generation_);
  take_tasks(0);
  Ahead mine = shares_[0].ahead;
  // Every worker passes through once, so none can still read task_ when the round is over.
  for (int32_t left = working_.load(std::memory_order_acquire); left != 0;
       left = working_.load(std::memory_order_acquire)) {
    wait_while_equal(working_, left, mine);
  }
}

void ThreadPool::take_tasks(int thread) {
  while (const std::optional<int64_t> task = next_task(thread)) (*task_)(first_ + *task, thread);
}

std::optional<int64_t> ThreadPool::next_task(int thread) {
  const int threads = this->threads();
  for (int i = 0; i < threads; ++i) {
    std::atomic<uint64_t>& bounds = shares_[static_cast<size_t>((thread + i) % threads)].tasks;
    uint64_t seen = bounds.load(std::memory_order_relaxed);
    while (begin_of(seen) < end_of(seen)) {
      const int64_t begin = begin_of(seen);
      const int64_t end = end_of(seen);
      const uint64_t rest = i == 0 ? pack_bounds(begin + 1, end) : pack_bounds(begin, end - 1);
      if (bounds.compare_exchange_weak(seen, rest, std::memory_order_relaxed)) {
        return i == 0 ? begin : end - 1;
      }
    }
  }
  return std::nullopt;
}

// Returns once value differs from old: fetches what is ahead, spins, then sleeps.
void ThreadPool::wait_while_equal(const std::atomic<int32_t>& value, int32_t old, Ahead& ahead) {
  for (; ahead.bytes > 0; ahead.begin += kLine, ahead.bytes -= kLine) {
    if (value.load(std::memory_order_acquire) != old) return;
    __builtin_prefetch(ahead.begin, 0, 2);
  }
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
  Ahead ahead;
  for (;;) {
    wait_while_equal(generation_, seen, ahead);
    seen = generation_.load(std::memory_order_acquire);
    if (stop_.load(std::memory_order_relaxed)) return;
    take_tasks(thread);
    // What an earlier loop said stays good where this one says nothing.
    const Ahead& next = shares_[static_cast<size_t>(thread)].ahead;
    if (next.bytes > 0) ahead = next;
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
