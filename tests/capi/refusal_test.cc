// Bad arguments: a status, a message that names the thing, and C untouched.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <limits>
#include <thread>
#include <vector>

#include "capi/reference.h"
#include "ix/inferentia.h"

namespace ix::capi::test {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();

class Refusal : public testing::Test {
 protected:
  Refusal() : o_(random_operands(4, 3, 256, 1)), c_(4 * 3, 12345.0F) {}

  ix_status gemm(int64_t m, int64_t n, int64_t k, const ix_gemm_options* options = nullptr,
                 ix_stream* stream = nullptr) {
    return ix_gemm_q4_K(o_.a.data(), o_.b.data(), c_.data(), m, n, k, options, stream);
  }

  void expect_refused(ix_status got, ix_status expected, const char* message) {
    EXPECT_EQ(got, expected) << message;
    EXPECT_EQ(ix_last_status(), expected) << message;
    EXPECT_THAT(ix_last_error(), HasSubstr(message));
    for (float value : c_) EXPECT_EQ(value, 12345.0F) << message;
  }

  // Every way to a product that takes (a, b, c, m, n, k).
  using Call =
      std::function<ix_status(const ix_block_q4_K*, const ix_fp16*, float*, int, int, int)>;
  static std::vector<Call> calls() {
    return {
        [](auto a, auto b, auto c, int m, int n, int k) {
          return ix_gemm_q4_K(a, b, c, m, n, k, nullptr, nullptr);
        },
        [](auto a, auto b, auto c, int m, int n, int k) {
          return gemm_q4_K_inferentia(a, b, c, m, n, k, nullptr, nullptr);
        },
        [](auto a, auto b, auto c, int m, int n, int k) {
          return gemm_q4_K_inferentia_batched(a, &b, &c, m, n, k, 1, 0, nullptr, nullptr);
        },
        [](auto a, auto b, auto c, int m, int n, int k) {
          const gemm_q4_K_inferentia_request request = {sizeof(request), a, b, c, m, n, k, nullptr};
          const gemm_q4_K_inferentia_request* pointer = &request;
          return gemm_q4_K_inferentia_pipelined(&pointer, 1, 2);
        },
        [](auto a, auto b, auto c, int m, int n, int k) {
          gemm_q4_K_aws_inferentia(a, b, c, m, n, k, nullptr);
          return ix_last_status();
        },
        [](auto a, auto b, auto c, int m, int n, int k) {
          gemm_q4_K_aws_inferentia_batch(a, b, c, m, n, k, 1, nullptr);
          return ix_last_status();
        },
    };
  }

  Operands o_;
  std::vector<float> c_;
};

template <typename T>
T* misaligned(T* pointer) {
  return reinterpret_cast<T*>(reinterpret_cast<uintptr_t>(pointer) + 1);
}

TEST_F(Refusal, EveryProductChecksItsArguments) {
  const ix_block_q4_K* a = o_.a.data();
  const ix_fp16* b = o_.b.data();
  float* c = c_.data();
  for (const Call& call : calls()) {
    expect_refused(call(nullptr, b, c, 4, 3, 256), IX_INVALID_ARGUMENT, "A is NULL");
    expect_refused(call(a, nullptr, c, 4, 3, 256), IX_INVALID_ARGUMENT, "B is NULL");
    expect_refused(call(a, b, nullptr, 4, 3, 256), IX_INVALID_ARGUMENT, "C is NULL");
    expect_refused(call(a, b, c, -1, 3, 256), IX_INVALID_ARGUMENT, "M is -1");
    expect_refused(call(a, b, c, 4, -2, 256), IX_INVALID_ARGUMENT, "N is -2");
    expect_refused(call(a, b, c, 4, 3, -256), IX_INVALID_ARGUMENT, "K is -256");
    expect_refused(call(a, b, c, 4, 3, 100), IX_INVALID_ARGUMENT, "multiple of 256");
    expect_refused(call(misaligned(a), b, c, 4, 3, 256), IX_INVALID_ARGUMENT, "A is not aligned");
    expect_refused(call(a, misaligned(b), c, 4, 3, 256), IX_INVALID_ARGUMENT, "B is not aligned");
    expect_refused(call(a, b, misaligned(c), 4, 3, 256), IX_INVALID_ARGUMENT, "C is not aligned");
    expect_refused(call(a, b, c, 2147483647, 3, 2147483392), IX_INVALID_ARGUMENT, "too large");
    expect_refused(call(a, b, c, 4, 2147483647, 2147483392), IX_INVALID_ARGUMENT, "too large");
  }
}

TEST_F(Refusal, SizesThatOverflow) {
  const int64_t k = kHuge / 256 * 256;
  expect_refused(gemm(4, 3, k), IX_INVALID_ARGUMENT, "too large");
  expect_refused(gemm(kHuge, 3, 256), IX_INVALID_ARGUMENT, "too large");
  expect_refused(gemm(4, kHuge, 256), IX_INVALID_ARGUMENT, "too large");
  for (int64_t ix_gemm_options::*field :
       {&ix_gemm_options::lda, &ix_gemm_options::ldb, &ix_gemm_options::ldc}) {
    ix_gemm_options options = IX_GEMM_OPTIONS_INIT;
    options.*field = kHuge;
    expect_refused(gemm(4, 3, 256, &options), IX_INVALID_ARGUMENT, "too large");
    options.*field = -1;
    expect_refused(gemm(4, 3, 256, &options), IX_INVALID_ARGUMENT, "is -1");
  }
}

TEST_F(Refusal, BatchesThatOverflow) {
  // Each B is within the limit, all of them span 2^68 elements.
  gemm_q4_K_aws_inferentia_batch(o_.a.data(), o_.b.data(), c_.data(), 4, 8192, 2147483392, 1 << 24,
                                 nullptr);
  expect_refused(ix_last_status(), IX_INVALID_ARGUMENT, "too large");
  gemm_q4_K_aws_inferentia_batch(o_.a.data(), o_.b.data(), c_.data(), 4, 3, 256, -1, nullptr);
  expect_refused(ix_last_status(), IX_INVALID_ARGUMENT, "batch_size is -1");
  const ix_fp16* b = o_.b.data();
  float* c = c_.data();
  expect_refused(
      gemm_q4_K_inferentia_batched(o_.a.data(), &b, &c, 4, 3, 256, kHuge, 0, nullptr, nullptr),
      IX_INVALID_ARGUMENT, "batch_size");
  expect_refused(
      gemm_q4_K_inferentia_batched(o_.a.data(), &b, &c, 4, 3, 256, 1, -1, nullptr, nullptr),
      IX_INVALID_ARGUMENT, "n_devices is -1");
}

TEST_F(Refusal, LeadingDimensionsBelowARow) {
  ix_gemm_options options = IX_GEMM_OPTIONS_INIT;
  options.lda = 1;
  expect_refused(gemm(2, 3, 512, &options), IX_INVALID_ARGUMENT, "lda is 1");
  options = IX_GEMM_OPTIONS_INIT;
  options.ldb = 2;
  expect_refused(gemm(4, 3, 256, &options), IX_INVALID_ARGUMENT, "ldb is 2");
  options.b_transposed = 1;
  options.ldb = 255;
  expect_refused(gemm(4, 3, 256, &options), IX_INVALID_ARGUMENT, "ldb is 255");
  options = IX_GEMM_OPTIONS_INIT;
  options.ldc = 2;
  expect_refused(gemm(4, 3, 256, &options), IX_INVALID_ARGUMENT, "ldc is 2");
}

TEST_F(Refusal, OptionsOutOfRange) {
  ix_gemm_options options = IX_GEMM_OPTIONS_INIT;
  options.precision = 2;
  expect_refused(gemm(4, 3, 256, &options), IX_INVALID_ARGUMENT, "precision is 2");
  options = IX_GEMM_OPTIONS_INIT;
  options.b_transposed = -1;
  expect_refused(gemm(4, 3, 256, &options), IX_INVALID_ARGUMENT, "b_transposed is -1");
}

// What a program sees that was built against a later header.
struct LaterOptions {
  ix_gemm_options known;
  int64_t later;
};

TEST_F(Refusal, OptionsOfOtherVersions) {
  LaterOptions later = {IX_GEMM_OPTIONS_INIT, 1};
  later.known.struct_size = sizeof(later);
  expect_refused(gemm(4, 3, 256, &later.known), IX_UNSUPPORTED, "does not know");
  ix_gemm_options options = IX_GEMM_OPTIONS_INIT;
  for (size_t size : {size_t{0}, size_t{7}, size_t{13}, sizeof(options) - 1, size_t{4097}}) {
    options.struct_size = size;
    expect_refused(gemm(4, 3, 256, &options), IX_INVALID_ARGUMENT, "struct_size");
  }
  // What is behind the end of an earlier version is not read.
  options.struct_size = offsetof(ix_gemm_options, b_transposed);
  options.b_transposed = 77;
  options.ldc = -5;
  EXPECT_EQ(gemm(4, 3, 256, &options), IX_OK) << ix_last_error();
  later.later = 0;
  EXPECT_EQ(gemm(4, 3, 256, &later.known), IX_OK) << ix_last_error();
}

TEST_F(Refusal, DestroyedAndForeignHandles) {
  ix_stream* stream = nullptr;
  ASSERT_EQ(ix_stream_create(nullptr, &stream), IX_OK);
  ix_gemm_weights* weights = nullptr;
  ASSERT_EQ(ix_gemm_pack(o_.a.data(), 4, 256, nullptr, &weights), IX_OK);
  auto* foreign_stream = reinterpret_cast<ix_stream*>(weights);
  auto* foreign_weights = reinterpret_cast<ix_gemm_weights*>(stream);
  expect_refused(gemm(4, 3, 256, nullptr, foreign_stream), IX_INVALID_ARGUMENT, "stream");
  expect_refused(ix_gemm_packed(foreign_weights, o_.b.data(), c_.data(), 3, nullptr, nullptr),
                 IX_INVALID_ARGUMENT, "weights");
  int on_the_stack = 0;
  expect_refused(gemm(4, 3, 256, nullptr, reinterpret_cast<ix_stream*>(&on_the_stack)),
                 IX_INVALID_ARGUMENT, "stream");
  ASSERT_EQ(ix_stream_destroy(stream), IX_OK);
  ASSERT_EQ(ix_gemm_weights_free(weights), IX_OK);
  // New handles do not take the old ones' place.
  ix_stream* next_stream = nullptr;
  ASSERT_EQ(ix_stream_create(nullptr, &next_stream), IX_OK);
  ix_gemm_weights* next_weights = nullptr;
  ASSERT_EQ(ix_gemm_pack(o_.a.data(), 4, 256, nullptr, &next_weights), IX_OK);
  expect_refused(gemm(4, 3, 256, nullptr, stream), IX_INVALID_ARGUMENT, "stream");
  expect_refused(ix_stream_synchronize(stream), IX_INVALID_ARGUMENT, "stream");
  expect_refused(ix_stream_destroy(stream), IX_INVALID_ARGUMENT, "stream");
  expect_refused(ix_gemm_packed(weights, o_.b.data(), c_.data(), 3, nullptr, nullptr),
                 IX_INVALID_ARGUMENT, "weights");
  expect_refused(ix_gemm_weights_free(weights), IX_INVALID_ARGUMENT, "weights");
  expect_refused(gemm_q4_K_inferentia_cache_free(weights), IX_INVALID_ARGUMENT, "freed");
  gemm_q4_K_aws_inferentia(o_.a.data(), o_.b.data(), c_.data(), 4, 3, 256, stream);
  expect_refused(ix_last_status(), IX_INVALID_ARGUMENT, "stream");
  EXPECT_EQ(ix_stream_destroy(next_stream), IX_OK);
  EXPECT_EQ(ix_gemm_weights_free(next_weights), IX_OK);
}

TEST_F(Refusal, NullPlacesAndCounts) {
  expect_refused(ix_stream_create(nullptr, nullptr), IX_INVALID_ARGUMENT, "NULL");
  expect_refused(ix_gemm_pack(o_.a.data(), 4, 256, nullptr, nullptr), IX_INVALID_ARGUMENT, "NULL");
  expect_refused(ix_device_name(nullptr), IX_INVALID_ARGUMENT, "NULL");
  ix_gemm_weights* weights = nullptr;
  expect_refused(ix_gemm_pack(o_.a.data(), 0, 256, nullptr, &weights), IX_INVALID_ARGUMENT, "M");
  expect_refused(ix_gemm_pack(o_.a.data(), 4, -256, nullptr, &weights), IX_INVALID_ARGUMENT, "K");
  EXPECT_EQ(weights, nullptr);
  expect_refused(ix_gemm_packed(nullptr, o_.b.data(), c_.data(), 3, nullptr, nullptr),
                 IX_INVALID_ARGUMENT, "weights");
  ix_stream_options threads = IX_STREAM_OPTIONS_INIT;
  threads.threads = -1;
  ix_stream* stream = nullptr;
  expect_refused(ix_stream_create(&threads, &stream), IX_INVALID_ARGUMENT, "threads is -1");
  expect_refused(dequant_q4_K_inferentia(nullptr, c_.data(), 1, 0), IX_INVALID_ARGUMENT, "blocks");
  expect_refused(dequant_q4_K_inferentia(o_.a.data(), nullptr, 1, 0), IX_INVALID_ARGUMENT, "out");
  expect_refused(dequant_q4_K_inferentia(o_.a.data(), c_.data(), -1, 0), IX_INVALID_ARGUMENT,
                 "n_blocks is -1");
  expect_refused(dequant_q4_K_inferentia(o_.a.data(), c_.data(), 1, -1), IX_INVALID_ARGUMENT,
                 "n_cores is -1");
  expect_refused(gemm_q4_K_inferentia_batched(o_.a.data(), nullptr, nullptr, 4, 3, 256, 1, 0,
                                              nullptr, nullptr),
                 IX_INVALID_ARGUMENT, "the array B is NULL");
  expect_refused(gemm_q4_K_inferentia_pipelined(nullptr, 1, 1), IX_INVALID_ARGUMENT, "requests");
  expect_refused(gemm_q4_K_inferentia_pipelined(nullptr, 1, 0), IX_INVALID_ARGUMENT, "n_streams");
  const gemm_q4_K_inferentia_request* no_request = nullptr;
  expect_refused(gemm_q4_K_inferentia_pipelined(&no_request, 1, 1), IX_INVALID_ARGUMENT,
                 "request 0");
}

TEST_F(Refusal, OneBadRequestStopsThePipeline) {
  const gemm_q4_K_inferentia_request good = {
      sizeof(good), o_.a.data(), o_.b.data(), c_.data(), 4, 3, 256, nullptr};
  gemm_q4_K_inferentia_request bad = good;
  bad.K = 255;
  const gemm_q4_K_inferentia_request* requests[] = {&good, &bad};
  expect_refused(gemm_q4_K_inferentia_pipelined(requests, 2, 1), IX_INVALID_ARGUMENT, "request 1");
}

TEST_F(Refusal, ErrorsBelongToTheirThread) {
  expect_refused(gemm(-1, 3, 256), IX_INVALID_ARGUMENT, "M is -1");
  std::thread([] {
    EXPECT_EQ(ix_last_status(), IX_OK);
    EXPECT_STREQ(ix_last_error(), "");
    EXPECT_EQ(ix_stream_synchronize(reinterpret_cast<ix_stream*>(8)), IX_INVALID_ARGUMENT);
  }).join();
  EXPECT_THAT(ix_last_error(), HasSubstr("M is -1"));
  EXPECT_EQ(ix_stream_synchronize(nullptr), IX_OK);
  EXPECT_STREQ(ix_last_error(), "");
}

TEST(StatusName, NamesEveryStatus) {
  EXPECT_STREQ(ix_status_name(IX_OK), "ok");
  EXPECT_STREQ(ix_status_name(IX_INVALID_ARGUMENT), "invalid argument");
  EXPECT_STREQ(ix_status_name(IX_INTERNAL), "internal error");
  EXPECT_STREQ(ix_status_name(static_cast<ix_status>(99)), "unknown status");
}

}  // namespace
}  // namespace ix::capi::test
