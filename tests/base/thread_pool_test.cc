#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
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

TEST(HostLimits, AreSane) {
  EXPECT_GE(default_threads(), 1);
  ASSERT_TRUE(available_memory_bytes().has_value());
  EXPECT_GT(*available_memory_bytes(), uint64_t{1} << 20);
  EXPECT_GT(peak_resident_bytes(), uint64_t{1} << 20);
}

}  // namespace
}  // namespace ix
