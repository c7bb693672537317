// Streams: order within one, no waiting between them, and their end.
#include "capi/stream.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "capi/reference.h"
#include "ix/inferentia.h"

namespace ix::capi::test {
namespace {

TEST(StreamQueue, RunsWorkInOrder) {
  Stream stream(0);
  std::vector<int> order;
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(stream
                    .enqueue([&order, i] {
                      order.push_back(i);
                      return ok_status();
                    })
                    .ok());
  }
  EXPECT_TRUE(stream.synchronize().ok());
  ASSERT_EQ(order.size(), 200U);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(StreamQueue, OneStreamDoesNotWaitForAnother) {
  Stream waiting(0);
  Stream other(0);
  std::atomic<bool> go = false;
  ASSERT_TRUE(waiting
                  .enqueue([&go] {
                    go.wait(false);
                    return ok_status();
                  })
                  .ok());
  ASSERT_TRUE(other
                  .enqueue([&go] {
                    go = true;
                    go.notify_all();
                    return ok_status();
                  })
                  .ok());
  EXPECT_TRUE(waiting.synchronize().ok());  // would not return if the streams shared a thread
}

TEST(StreamQueue, TellsTheFirstFailureOnceAndGoesOn) {
  Stream stream(0);
  int ran = 0;
  for (const char* message : {"first", "second"}) {
    ASSERT_TRUE(stream.enqueue([message] { return internal_error(message); }).ok());
  }
  ASSERT_TRUE(stream
                  .enqueue([&ran]() -> Status {
                    ++ran;
                    throw std::bad_alloc();
                  })
                  .ok());
  EXPECT_EQ(stream.synchronize().message(), "first");
  EXPECT_EQ(ran, 1);
  EXPECT_TRUE(stream.synchronize().ok());
  ASSERT_TRUE(stream.enqueue([]() -> Status { throw std::bad_alloc(); }).ok());
  EXPECT_EQ(stream.synchronize().code(), StatusCode::resource_exhausted);
}

TEST(StreamQueue, ClosingFinishesOrDropsWhatWaits) {
  for (const auto& [pending, expected] :
       {std::pair{Stream::Pending::finish, 3}, std::pair{Stream::Pending::drop, 1}}) {
    Stream stream(0);
    std::atomic<bool> started = false;
    std::atomic<bool> go = false;
    std::atomic<int> ran = 0;
    ASSERT_TRUE(stream
                    .enqueue([&] {
                      started = true;
                      started.notify_all();
                      go.wait(false);
                      ++ran;
                      return ok_status();
                    })
                    .ok());
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(stream
                      .enqueue([&] {
                        ++ran;
                        return ok_status();
                      })
                      .ok());
    }
    started.wait(false);
    std::thread closer([&, how = pending] { EXPECT_TRUE(stream.close(how).ok()); });
    // close() refuses new work before it waits.
    while (stream.enqueue([] { return ok_status(); }).ok()) std::this_thread::yield();
    go = true;
    go.notify_all();
    closer.join();
    EXPECT_EQ(ran, expected);
  }
}

TEST(Streams, ResultsAreThoseOfSynchronousCalls) {
  constexpr int kStreams = 4;
  const Operands o = random_operands(64, 11, 768, 31);
  std::vector<float> expected(static_cast<size_t>(o.m * o.n));
  ASSERT_EQ(ix_gemm_q4_K(o.a.data(), o.b.data(), expected.data(), o.m, o.n, o.k, nullptr, nullptr),
            IX_OK);
  ix_gemm_weights* weights = nullptr;
  ASSERT_EQ(ix_gemm_pack(o.a.data(), o.m, o.k, nullptr, &weights), IX_OK);
  std::vector<ix_stream*> streams(kStreams);
  std::vector<std::vector<float>> results(2 * kStreams, std::vector<float>(expected.size()));
  for (int i = 0; i < kStreams; ++i) {
    ix_stream_options options = IX_STREAM_OPTIONS_INIT;
    options.threads = i;
    ASSERT_EQ(ix_stream_create(&options, &streams[static_cast<size_t>(i)]), IX_OK);
  }
  for (size_t i = 0; i < results.size(); ++i) {
    ix_stream* stream = streams[i % kStreams];
    float* c = results[i].data();
    ASSERT_EQ(i < kStreams
                  ? ix_gemm_packed(weights, o.b.data(), c, o.n, nullptr, stream)
                  : ix_gemm_q4_K(o.a.data(), o.b.data(), c, o.m, o.n, o.k, nullptr, stream),
              IX_OK);
  }
  // Queued work keeps the weights that it needs.
  EXPECT_EQ(ix_gemm_weights_free(weights), IX_OK);
  for (size_t i = 0; i < streams.size(); ++i) {
    EXPECT_EQ(i % 2 == 0 ? ix_stream_synchronize(streams[i]) : ix_stream_destroy(streams[i]),
              IX_OK);
  }
  for (const std::vector<float>& result : results) {
    EXPECT_EQ(std::memcmp(result.data(), expected.data(), expected.size() * sizeof(float)), 0);
  }
  for (size_t i = 0; i < streams.size(); i += 2) EXPECT_EQ(ix_stream_destroy(streams[i]), IX_OK);
}

TEST(Streams, LaterProductsSeeWhatEarlierOnesWrote) {
  // Each product overwrites the C of the one before: the last one's result stays.
  const Operands first = random_operands(40, 8, 512, 32);
  const Operands last = random_operands(40, 8, 512, 33);
  std::vector<float> expected(40 * 8);
  ASSERT_EQ(
      ix_gemm_q4_K(last.a.data(), last.b.data(), expected.data(), 40, 8, 512, nullptr, nullptr),
      IX_OK);
  ix_stream* stream = nullptr;
  ASSERT_EQ(ix_stream_create(nullptr, &stream), IX_OK);
  std::vector<float> c(expected.size());
  for (int i = 0; i < 20; ++i) {
    const Operands& o = i < 19 ? first : last;
    ASSERT_EQ(ix_gemm_q4_K(o.a.data(), o.b.data(), c.data(), 40, 8, 512, nullptr, stream), IX_OK);
  }
  ASSERT_EQ(ix_stream_destroy(stream), IX_OK);
  EXPECT_EQ(std::memcmp(c.data(), expected.data(), expected.size() * sizeof(float)), 0);
}

TEST(Streams, MayBeUsedAndDestroyedByManyThreads) {
  const Operands o = random_operands(8, 2, 256, 34);
  std::vector<std::thread> threads;
  ix_stream* shared = nullptr;
  ASSERT_EQ(ix_stream_create(nullptr, &shared), IX_OK);
  std::vector<std::vector<float>> results(4, std::vector<float>(16));
  for (std::vector<float>& c : results) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        const ix_status status =
            ix_gemm_q4_K(o.a.data(), o.b.data(), c.data(), 8, 2, 256, nullptr, shared);
        if (status == IX_INVALID_ARGUMENT) return;  // destroyed meanwhile
        EXPECT_EQ(status, IX_OK);
        (void)ix_stream_synchronize(shared);
      }
    });
  }
  threads.emplace_back([&] { EXPECT_EQ(ix_stream_destroy(shared), IX_OK); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ix_stream_synchronize(shared), IX_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace ix::capi::test
