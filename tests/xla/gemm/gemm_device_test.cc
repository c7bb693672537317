// Products on virtual devices of XLA's CPU plugins against sums in double.
#include "backend/xla/gemm/gemm_device.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <thread>
#include <tuple>

#include "backend/xla/pjrt/pjrt_runtime.h"
#include "capi/reference.h"
#include "capi/results.h"
#include "xla/pjrt/plugins.h"

namespace ix::backend::xla {
namespace {

using capi::test::expect_product;
using capi::test::expect_same_bits;
using capi::test::half_value;
using capi::test::kUntouched;
using capi::test::nearest_half;
using capi::test::Operands;
using capi::test::random_operands;
using capi::test::Reference;
using capi::test::untouched;

std::unique_ptr<GemmDevice> open(const testing::CpuPlugin& plugin, int devices,
                                 GemmDeviceOptions options = {}) {
  auto runtime = pjrt::PjrtRuntime::open({plugin.path, devices});
  IX_CHECK(runtime.ok());
  return std::make_unique<GemmDevice>(std::shared_ptr<Runtime>(std::move(runtime).value()),
                                      options);
}

// Operands of the C API, dequantised by the reference.
std::shared_ptr<const ShardedWeights> upload(GemmDevice& device, const Operands& o, int groups) {
  const auto panel = [&](int64_t first_row, int64_t block, uint16_t* out) {
    std::fill_n(out, kPanelDepth * kPanelRows, uint16_t{0});
    for (int64_t row = first_row; row < std::min(first_row + kPanelRows, o.m); ++row) {
      const ix_block_q4_K& source = o.a[static_cast<size_t>(row * (o.k / 256) + block)];
      for (int i = 0; i < 256; ++i) {
        out[i * kPanelRows + row - first_row] = nearest_half(capi::test::weight(source, i));
      }
    }
  };
  ThreadPool pool(2);
  auto weights = device.upload(o.m, o.k, groups, panel, pool);
  IX_CHECK(weights.ok());
  return std::move(weights).value();
}

std::vector<float> multiply(GemmDevice& device, const ShardedWeights& weights, const Operands& o) {
  std::vector<float> c = untouched(o.m * o.n);
  const GemmOperands operands = {o.b.data(), c.data()};
  const Status status = device.multiply(weights, {o.n, o.n, o.n, false}, {&operands, 1});
  EXPECT_TRUE(status.ok()) << status.message();
  return c;
}

// A row of the batch's columns is one product: B [k, n] cut into `count` products of n / count.
std::vector<float> multiply_batch(GemmDevice& device, const ShardedWeights& weights,
                                  const Operands& o, int64_t count) {
  std::vector<float> c = untouched(o.m * o.n);
  std::vector<GemmOperands> batch;
  const int64_t n = o.n / count;
  for (int64_t i = 0; i < count; ++i) batch.push_back({o.b.data() + i * n, c.data() + i * n});
  const Status status = device.multiply(weights, {n, o.n, o.n, false}, batch);
  EXPECT_TRUE(status.ok()) << status.message();
  return c;
}

class GemmDeviceTest : public ::testing::TestWithParam<testing::CpuPlugin> {};
INSTANTIATE_TEST_SUITE_P(, GemmDeviceTest, ::testing::ValuesIn(testing::cpu_plugins()),
                         testing::cpu_plugin_name);

TEST_P(GemmDeviceTest, ProductsAreWithinTheErrorBoundOfFp32Sums) {
  for (const int devices : {1, 2, 4}) {
    const auto device = open(GetParam(), devices);
    for (const auto& [m, n, k] : {std::tuple{1, 1, 256}, {3, 2, 256}, {65, 13, 1024}}) {
      const Operands o = random_operands(m, n, k, 7);
      const auto weights = upload(*device, o, 1);
      const std::vector<float> c = multiply(*device, *weights, o);
      expect_product(c, capi::test::multiply(o), k);
      // The same program on the same numbers.
      const std::vector<float> again = multiply(*device, *weights, o);
      expect_same_bits(c, again);
    }
  }
}

testing::CpuPlugin newest_plugin() { return testing::cpu_plugins().back(); }

TEST(GemmDevice, EveryNumberOfColumnsTo33) {
  const auto device = open(newest_plugin(), 2);
  const Operands all = random_operands(31, 33, 256, 8);
  const Reference expected = capi::test::multiply(all);
  const auto weights = upload(*device, all, 1);
  for (int64_t n = 1; n <= all.n; ++n) {
    std::vector<float> c(static_cast<size_t>(all.m * all.n), kUntouched);
    const GemmOperands operands = {all.b.data(), c.data()};
    ASSERT_TRUE(device->multiply(*weights, {n, all.n, all.n, false}, {&operands, 1}).ok());
    for (size_t i = 0; i < c.size(); ++i) {
      if (static_cast<int64_t>(i) % all.n >= n) {
        ASSERT_EQ(c[i], kUntouched) << n;  // of the next row
      } else {
        ASSERT_LE(std::fabs(c[i] - expected.c[i]), gamma(all.k) * expected.magnitude[i]) << n;
      }
    }
  }
}

TEST(GemmDevice, MoreColumnsThanOneExecutionTakes) {
  const auto device = open(newest_plugin(), 2);
  const Operands o = random_operands(5, 2 * kMostColumns + 7, 256, 9);
  expect_product(multiply(*device, *upload(*device, o, 1), o), capi::test::multiply(o), o.k);
}

TEST(GemmDevice, TransposedColumnsAreTheSame) {
  const auto device = open(newest_plugin(), 1);
  const Operands o = random_operands(20, 37, 512, 10);
  const auto weights = upload(*device, o, 1);
  const std::vector<float> expected = multiply(*device, *weights, o);
  const int64_t ldb = o.k + 3;
  std::vector<uint16_t> transposed(static_cast<size_t>(o.n * ldb));
  for (int64_t k = 0; k < o.k; ++k) {
    for (int64_t j = 0; j < o.n; ++j) {
      transposed[static_cast<size_t>(j * ldb + k)] = o.b[static_cast<size_t>(k * o.n + j)];
    }
  }
  std::vector<float> c(expected.size(), kUntouched);
  const GemmOperands operands = {transposed.data(), c.data()};
  ASSERT_TRUE(device->multiply(*weights, {o.n, ldb, o.n, true}, {&operands, 1}).ok());
  expect_same_bits(c, expected);
}

TEST(GemmDevice, BatchesAreSpreadOverGroupsOfDevices) {
  const auto device = open(newest_plugin(), 4);
  EXPECT_EQ(device->groups(1), 1);
  EXPECT_EQ(device->groups(2), 2);
  EXPECT_EQ(device->groups(3), 2);
  EXPECT_EQ(device->groups(1000), 4);
  const Operands o = random_operands(33, 21, 512, 11);
  const Reference expected = capi::test::multiply(o);
  for (const int groups : {1, 2, 4}) {
    const auto weights = upload(*device, o, groups);
    EXPECT_EQ(weights->rows_of_core(), groups == 4 ? 33 : groups == 2 ? 17 : 9);
    for (const int64_t products : {1, 3, 7, 21}) {
      expect_product(multiply_batch(*device, *weights, o, products), expected, o.k);
    }
  }
}

TEST(GemmDevice, CoresOfADeviceStayTogether) {
  GemmDeviceOptions options;
  options.cores_per_device = 2;
  const auto device = open(newest_plugin(), 4, options);
  EXPECT_EQ(device->groups(4), 2);
  const Operands o = random_operands(9, 6, 256, 12);
  const auto weights = upload(*device, o, device->groups(4));
  EXPECT_EQ(weights->rows_of_core(), 5);
  expect_product(multiply_batch(*device, *weights, o, 3), capi::test::multiply(o), o.k);
}

// Numbers at the ends of the format: every product of halves and every sum of few of them is a
// multiple of 2^-48 within float32's range, so that nothing underflows.
TEST_P(GemmDeviceTest, DenormalsZerosInfinitiesAndNanAreThoseOfIeee) {
  constexpr uint16_t kExtremes[] = {0x0000, 0x8000, 0x0001, 0x8001, 0x03ff, 0x0400,
                                    0x3c00, 0x7bff, 0xfbff, 0x7c00, 0xfc00, 0x7e00};
  std::mt19937 random(13);
  const auto extreme = [&] { return kExtremes[random() % std::size(kExtremes)]; };
  const auto device = open(GetParam(), 2);
  int finite = 0;
  int infinite = 0;
  int nan = 0;
  for (int round = 0; round < 6; ++round) {
    Operands o = random_operands(15, 19, 256, 14);
    for (ix_block_q4_K& block : o.a) {
      // Most weights of a round are ordinary or tiny: results of all kinds come about.
      const uint16_t scale = random() % 3 == 0 ? extreme() : static_cast<uint16_t>(round);
      block.d = scale;
      block.dmin = random() % 8 == 0 ? extreme() : uint16_t{0};
    }
    for (ix_fp16& b : o.b) {
      if (random() % 300 == 0) b = extreme();
      if (round % 2 == 1) b &= 0x83ff;  // denormals
    }
    const Reference expected = capi::test::multiply(o);
    for (const double value : expected.c) {
      finite += std::isfinite(value) ? 1 : 0;
      infinite += std::isinf(value) ? 1 : 0;
      nan += std::isnan(value) ? 1 : 0;
    }
    expect_product(multiply(*device, *upload(*device, o, 1), o), expected, o.k);
  }
  EXPECT_GT(finite, 200);
  EXPECT_GT(infinite, 10);
  EXPECT_GT(nan, 100);
}

// Rows beyond M and columns beyond N are made of zeros: times an infinity they are NaN, which must
// not be seen.
TEST(GemmDevice, PaddingMeetsNoOtherRowOrColumn) {
  const auto device = open(newest_plugin(), 4);
  Operands o = random_operands(5, 3, 256, 15);
  std::memset(o.a.data(), 0, o.a.size() * sizeof(o.a[0]));
  for (ix_block_q4_K& block : o.a) {
    block.d = 0x3c00;
    block.scales[0] = 1;
    block.qs[0] = 1;  // weight 0 is 1, all others 0
  }
  std::fill(o.b.begin(), o.b.end(), ix_fp16{0});
  o.b[0] = 0x7c00;  // B[0, 0] = inf
  o.b[1] = 0x3c00;
  const std::vector<float> c = multiply(*device, *upload(*device, o, 1), o);
  for (int64_t row = 0; row < o.m; ++row) {
    EXPECT_EQ(c[static_cast<size_t>(row * 3)], std::numeric_limits<float>::infinity());
    EXPECT_EQ(c[static_cast<size_t>(row * 3 + 1)], 1.0F);
    EXPECT_EQ(c[static_cast<size_t>(row * 3 + 2)], 0.0F);
  }
}

TEST_P(GemmDeviceTest, DequantisesBitForBit) {
  constexpr uint16_t kExtremes[] = {0x0000, 0x8000, 0x0001, 0x83ff, 0x7bff, 0x7c00, 0xfc00, 0x7e00};
  std::mt19937 random(16);
  for (const int devices : {1, 2}) {
    const auto device = open(GetParam(), devices);
    for (const int64_t count : {1, 63, 300}) {
      Operands o = random_operands(count, 1, 256, 17);
      for (size_t b = 0; b < o.a.size(); b += 5) {
        o.a[b].d = kExtremes[random() % std::size(kExtremes)];
        o.a[b].dmin = kExtremes[random() % std::size(kExtremes)];
      }
      for (const int64_t cores : {0, 1, 1000}) {
        std::vector<float> out(o.a.size() * 256 + 1, kUntouched);
        ASSERT_TRUE(device->dequantize(std::as_bytes(std::span(o.a)), cores, out.data()).ok());
        EXPECT_EQ(out.back(), kUntouched);
        for (size_t i = 0; i + 1 < out.size(); ++i) {
          const float expected = capi::test::weight(o.a[i / 256], static_cast<int>(i % 256));
          if (std::isnan(expected)) {
            ASSERT_TRUE(std::isnan(out[i])) << i;
          } else {
            ASSERT_EQ(out[i], expected) << i;
          }
        }
      }
    }
  }
}

TEST(GemmDevice, ServesManyThreadsAtOnce) {
  const auto device = open(newest_plugin(), 2);
  const Operands o = random_operands(40, 6, 512, 18);
  const auto weights = upload(*device, o, 1);
  const std::vector<float> expected = multiply(*device, *weights, o);
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      // Every second one with weights of its own.
      const auto own = i % 2 == 0 ? weights : upload(*device, o, 1);
      for (int repeat = 0; repeat < 5; ++repeat) {
        const std::vector<float> c = multiply(*device, *own, o);
        expect_same_bits(c, expected);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(GemmDevice, RefusesWorkOnceItIsClosed) {
  const auto device = open(newest_plugin(), 1);
  const Operands o = random_operands(4, 1, 256, 19);
  const auto weights = upload(*device, o, 1);
  multiply(*device, *weights, o);
  device->close();
  std::vector<float> c(4, kUntouched);
  const GemmOperands operands = {o.b.data(), c.data()};
  EXPECT_EQ(device->multiply(*weights, {1, 1, 1, false}, {&operands, 1}).code(),
            StatusCode::unavailable);
  EXPECT_EQ(c[0], kUntouched);
  device->close();
}

}  // namespace
}  // namespace ix::backend::xla
