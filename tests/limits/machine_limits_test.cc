#include "limits/machine_limits.h"

#include <gmock/gmock.h>

#include <vector>

#include "limits/json.h"
#include "limits/start_line.h"

namespace ix::limits {
namespace {

using ::testing::Each;

TEST(Rate, IsTheBestAndTheMiddleOfTheSamples) {
  EXPECT_EQ(rate_of({3, 1, 10}).best, 10);
  EXPECT_EQ(rate_of({3, 1, 10}).median, 3);
  EXPECT_EQ(rate_of({4, 1, 10, 3}).median, 3.5);
  EXPECT_EQ(rate_of({7}).median, 7);
}

TEST(StartLine, GivesEveryThreadOneTask) {
  ThreadPool pool(3);
  for (int round = 0; round < 200; ++round) {
    StartLine start(3);
    std::vector<int> tasks(3);
    pool.run(3, [&](int64_t, int thread) {
      start.wait();
      ++tasks[static_cast<size_t>(thread)];
    });
    EXPECT_THAT(tasks, Each(1));
  }
}

TEST(MachineLimits, HasARateForEveryLoopThatRunsHere) {
  const auto limits = probe_limits({.threads = 2, .quick = true});
  ASSERT_TRUE(limits.ok()) << limits.status().message();
  EXPECT_EQ(limits->threads, 2);
  ASSERT_EQ(limits->arithmetic.size(), runnable_loops().size());
  for (const ArithmeticLimit& limit : limits->arithmetic) {
    EXPECT_GT(limit.ops_per_second.median, 0) << limit.name;
    EXPECT_GE(limit.ops_per_second.best, limit.ops_per_second.median) << limit.name;
  }
  EXPECT_GT(limits->read.bytes_per_second.median, 0);
  EXPECT_GE(limits->read.bytes_per_second.best, limits->read.bytes_per_second.median);
  EXPECT_GE(limits->read.buffer_bytes, default_read_buffer_bytes());
}

TEST(MachineLimits, PeakIsTheBestInstructionOfAKind) {
  const MachineLimits limits{.threads = 1,
                             .arithmetic = {{"a", "", Arithmetic::int8, {.best = 5, .median = 4}},
                                            {"b", "", Arithmetic::int8, {.best = 9, .median = 1}},
                                            {"c", "", Arithmetic::fp32, {.best = 20, .median = 2}}},
                             .read = {{.best = 30, .median = 25}, 1024}};
  EXPECT_EQ(limits.peak_ops(Arithmetic::int8), 9);
  EXPECT_EQ(limits.peak_ops(Arithmetic::fp32), 20);
  EXPECT_EQ(limits.peak_ops(Arithmetic::bf16), 0);
  EXPECT_EQ(limits.peak_read(), 30);
}

TEST(MachineLimits, JsonIsInBillionsAndNullWhereNothingRuns) {
  const MachineLimits limits{.threads = 1,
                             .arithmetic = {{"a", "vpdpbusd zmm", Arithmetic::int8, {5e9, 4e9}}},
                             .read = {{3e10, 2.5e10}, 1024}};
  const auto json = to_json(limits);
  EXPECT_EQ(json["int8_gops"], 5.0);
  EXPECT_TRUE(json["bf16_gops"].is_null());
  EXPECT_EQ(json["read_gbs"], 30.0);
  EXPECT_EQ(json["read_median_gbs"], 25.0);
  EXPECT_EQ(json["read_buffer_bytes"], 1024);
  EXPECT_EQ(json["arithmetic"][0]["name"], "a");
  EXPECT_EQ(json["arithmetic"][0]["arithmetic"], "int8");
  EXPECT_EQ(json["arithmetic"][0]["median_gops"], 4.0);
}

TEST(MachineLimits, RefusesNoThreads) {
  const auto limits = probe_limits({.threads = 0});
  EXPECT_EQ(limits.status().code(), StatusCode::invalid_argument);
}

TEST(MachineLimits, RefusesABufferThatCannotBeHad) {
  ThreadPool pool(1);
  EXPECT_EQ(measure_read(pool, int64_t{1} << 50, 1).status().code(),
            StatusCode::resource_exhausted);
}

TEST(SequentialReader, ReadsFromItsBufferWhateverIsAskedFor) {
  ThreadPool pool(2);
  auto reader = SequentialReader::create(pool, 100'000);
  ASSERT_TRUE(reader.ok());
  EXPECT_GE(reader.value().buffer_bytes(), 100'000);
  EXPECT_LT(reader.value().buffer_bytes(), 102'048);  // parts in units of 1 KiB
  // Less than a unit, the rest of a pass, several passes.
  for (const int64_t bytes : {1, 99'999, 100'000, 1'234'567}) {
    EXPECT_GT(reader.value().read(bytes), 0);
  }
}

}  // namespace
}  // namespace ix::limits
