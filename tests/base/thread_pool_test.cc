#include "base/thread_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>
#include <vector>

#include "base/host_limits.h"

namespace ix {
namespace {

TEST(ThreadPool, RunsEveryTaskExactlyOnce) {
  for (const int threads : {1, 2, 4}) {
    ThreadPool pool(threads);
    for (const int64_t tasks : {0, 1, 2, 3, 100}) {
      for (int repeat = 0; repeat < 50; ++repeat) {
        std::vector<std::atomic<int>> seen(static_cast<size_t>(tasks));
        pool.run(tasks, [&](int64_t i, int thread) {
          ASSERT_GE(thread, 0);
          ASSERT_LT(thread, threads);
          seen[static_cast<size_t>(i)].fetch_add(1);
        });
        for (const auto& count : seen) ASSERT_EQ(count.load(), 1);
      }
    }
  }
}

TEST(ThreadPool, WritesOfTasksAreSeenByTheCaller) {
  ThreadPool pool(2);
  std::vector<int64_t> out(1000);
  for (int64_t round = 0; round < 200; ++round) {
    pool.run(1000, [&](int64_t i, int) { out[static_cast<size_t>(i)] = i * round; });
    for (int64_t i = 0; i < 1000; ++i) ASSERT_EQ(out[static_cast<size_t>(i)], i * round);
  }
}

// A run of neighbouring tasks each, and the others' where its own has ended.
TEST(ThreadPool, AThreadThatIsHeldUpLosesOnlyTheTaskItIsAt) {
  ThreadPool pool(2);
  constexpr int64_t kTasks = 64;
  std::vector<std::atomic<int>> thread_of(kTasks);
  std::atomic<bool> held_up{false};
  std::atomic<int64_t> others{0};
  pool.run(kTasks, [&](int64_t i, int thread) {
    thread_of[static_cast<size_t>(i)].store(thread);
    if (i == 0) {
      held_up.store(true);
      while (others.load() < kTasks - 1) std::this_thread::yield();
    } else {
      while (!held_up.load()) std::this_thread::yield();
      others.fetch_add(1);
    }
  });
  for (int64_t i = 1; i < kTasks; ++i) {
    EXPECT_NE(thread_of[static_cast<size_t>(i)].load(), thread_of[0].load()) << i;
  }
}

TEST(ThreadPool, FetchesWhatIsAheadWithoutReadingIt) {
  ThreadPool pool(3);
  const std::vector<std::byte> there(1000);
  // Only the first is memory of ours.
  const std::vector<ThreadPool::Ahead> ahead = {
      {there.data(), 1000}, {reinterpret_cast<const std::byte*>(uintptr_t{4096}), 1 << 20}, {}};
  std::atomic<int64_t> sum{0};
  for (int i = 0; i < 100; ++i)
    pool.run(
        10, [&](int64_t task, int) { sum += task; }, ahead);
  EXPECT_EQ(sum.load(), 100 * 45);
}

// The stack of threads started without attributes, while it lives.
class DefaultStack {
 public:
  explicit DefaultStack(size_t bytes) {
    EXPECT_EQ(pthread_getattr_default_np(&normal_), 0);
    pthread_attr_t changed = normal_;
    EXPECT_EQ(pthread_attr_setstacksize(&changed, bytes), 0);
    EXPECT_EQ(pthread_setattr_default_np(&changed), 0);
  }
  ~DefaultStack() { EXPECT_EQ(pthread_setattr_default_np(&normal_), 0); }
  DefaultStack(const DefaultStack&) = delete;
  DefaultStack& operator=(const DefaultStack&) = delete;

 private:
  pthread_attr_t normal_;
};

TEST(ThreadPool, SaysThatNoThreadCanBeStarted) {
  {
    const DefaultStack stack(size_t{1} << 47);  // the whole address space of a process
    const auto pool = ThreadPool::start(3);
    ASSERT_FALSE(pool.ok());
    EXPECT_EQ(pool.status().code(), StatusCode::resource_exhausted);
    EXPECT_EQ(pool.status().message(),
              "cannot start 3 threads: the system allows 1 (Resource temporarily unavailable)");
  }
  EXPECT_TRUE(ThreadPool::start(3).ok());
}

uint64_t mapped_bytes() {
  uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

TEST(ThreadPool, EndsTheThreadsThatStartedBeforeOneWasRefused) {
  constexpr uint64_t kGiB = uint64_t{1} << 30;
  rlimit normal{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &normal), 0);
  // Room for at most five stacks of 1 GiB; what sanitizers map for a thread fits beside them.
  const rlimit small{.rlim_cur = mapped_bytes() + 5 * kGiB, .rlim_max = normal.rlim_max};
  const DefaultStack stack(kGiB);
  ASSERT_EQ(setrlimit(RLIMIT_AS, &small), 0);
  const auto pool = ThreadPool::start(100);
  ASSERT_EQ(setrlimit(RLIMIT_AS, &normal), 0);
  ASSERT_FALSE(pool.ok());
  EXPECT_EQ(pool.status().code(), StatusCode::resource_exhausted);
  EXPECT_THAT(pool.status().message(),
              testing::MatchesRegex("cannot start 100 threads: the system allows [2-6] .*"));
}

TEST(HostLimits, AreSane) {
  EXPECT_GE(default_threads(), 1);
  ASSERT_TRUE(available_memory_bytes().has_value());
  EXPECT_GT(*available_memory_bytes(), uint64_t{1} << 20);
  EXPECT_GT(peak_resident_bytes(), uint64_t{1} << 20);
}

}  // namespace
}  // namespace ix
