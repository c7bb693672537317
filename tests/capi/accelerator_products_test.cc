// Products of the C functions on accelerators, their memory, and which device is chosen.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "capi/accelerators.h"
#include "capi/reference.h"
#include "capi/results.h"
#include "ix/inferentia.h"

namespace ix::capi::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

struct Kind {
  const char* name;
  bool neuron;
  int devices;
};
void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

class AcceleratorTest : public ::testing::TestWithParam<Kind> {
 protected:
  Chosen device_ =
      GetParam().neuron ? Chosen::neuron(GetParam().devices) : Chosen::plugin(GetParam().devices);
};
INSTANTIATE_TEST_SUITE_P(, AcceleratorTest,
                         ::testing::Values(Kind{"Plugin1", false, 1}, Kind{"Plugin2", false, 2},
                                           Kind{"Plugin4", false, 4}, Kind{"Neuron1", true, 1},
                                           Kind{"Neuron2", true, 2}, Kind{"Neuron4", true, 4}),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST_P(AcceleratorTest, EveryEntryPointIsWithinTheBound) {
  const Operands o = random_operands(37, 13, 768, 21);
  const Reference expected = multiply(o);
  const std::vector<float> c = plain(o);
  expect_product(c, expected, o.k);

  std::vector<float> other = untouched(o.m * o.n);
  ASSERT_EQ(ix_gemm_q4_K(o.a.data(), o.b.data(), other.data(), o.m, o.n, o.k, nullptr, nullptr),
            IX_OK);
  expect_same_bits(other, c);

  other = untouched(o.m * o.n);
  gemm_q4_K_aws_inferentia(o.a.data(), o.b.data(), other.data(), 37, 13, 768, nullptr);
  EXPECT_EQ(ix_last_status(), IX_OK) << ix_last_error();
  expect_same_bits(other, c);

  ix_gemm_options fast = IX_GEMM_OPTIONS_INIT;
  fast.precision = IX_PRECISION_FAST;
  expect_same_bits(plain(o, &fast), c);
}

TEST_P(AcceleratorTest, ACacheServesManyProductsAndItsMemoryComesBack) {
  const Operands o = random_operands(37, 13, 768, 22);
  const std::vector<float> expected = plain(o);
  gemm_q4_K_inferentia_cache* cache = make_cache(o);
  for (int i = 0; i < 3; ++i) expect_same_bits(cached(cache, o), expected);
  for (const int64_t n : {1, 2, 33}) {
    Operands narrow = random_operands(o.m, n, o.k, static_cast<unsigned>(n));
    narrow.a = o.a;
    expect_product(cached(cache, narrow), multiply(narrow), o.k);
  }
  ASSERT_EQ(gemm_q4_K_inferentia_cache_free(cache), IX_OK);
  std::vector<float> c = untouched(o.m * o.n);
  EXPECT_EQ(gemm_q4_K_inferentia_cached(cache, o.b.data(), c.data(), o.n, nullptr, nullptr),
            IX_INVALID_ARGUMENT);
  expect_untouched(c);
}

TEST_P(AcceleratorTest, LeadingDimensionsTransposedBAndUnalignedArrays) {
  const Operands o = random_operands(7, 5, 512, 23);
  const std::vector<float> expected = plain(o);
  for (const int transposed : {0, 1}) {
    ix_gemm_options options = IX_GEMM_OPTIONS_INIT;
    options.b_transposed = transposed;
    options.lda = 3;
    options.ldb = transposed == 1 ? o.k + 1 : o.n + 2;
    options.ldc = o.n + 3;
    // One element into their arrays: aligned as the types ask and no better.
    std::vector<ix_block_q4_K> a(static_cast<size_t>(o.m * options.lda + 1));
    std::vector<ix_fp16> b(static_cast<size_t>((transposed == 1 ? o.n : o.k) * options.ldb + 1));
    std::vector<float> c = untouched(o.m * options.ldc + 1);
    for (int64_t r = 0; r < o.m; ++r) {
      std::copy_n(o.a.data() + r * 2, 2, a.data() + 1 + r * options.lda);
    }
    for (int64_t k = 0; k < o.k; ++k) {
      for (int64_t j = 0; j < o.n; ++j) {
        b[static_cast<size_t>(1 + (transposed == 1 ? j * options.ldb + k : k * options.ldb + j))] =
            o.b[static_cast<size_t>(k * o.n + j)];
      }
    }
    ASSERT_EQ(gemm_q4_K_inferentia(a.data() + 1, b.data() + 1, c.data() + 1, o.m, o.n, o.k,
                                   &options, nullptr),
              IX_OK)
        << ix_last_error();
    EXPECT_EQ(c[0], kUntouched);
    for (int64_t r = 0; r < o.m; ++r) {
      for (int64_t j = 0; j < options.ldc; ++j) {
        const float want = j < o.n ? expected[static_cast<size_t>(r * o.n + j)] : kUntouched;
        ASSERT_EQ(c[static_cast<size_t>(1 + r * options.ldc + j)], want) << r << ", " << j;
      }
    }
  }
}

TEST_P(AcceleratorTest, BatchesEqualTheirProducts) {
  constexpr int64_t kBatch = 5;
  const int64_t n = 3;
  const Operands o = random_operands(21, n * kBatch, 256, 24);  // B [batch, k, n]
  std::vector<const ix_fp16*> b;
  std::vector<float> batched = untouched(o.m * o.n);
  std::vector<float*> c;
  Reference expected;
  for (int64_t i = 0; i < kBatch; ++i) {
    Operands product = o;
    product.n = n;
    product.b.assign(o.b.begin() + i * o.k * n, o.b.begin() + (i + 1) * o.k * n);
    const Reference one = multiply(product);
    expected.c.insert(expected.c.end(), one.c.begin(), one.c.end());
    expected.magnitude.insert(expected.magnitude.end(), one.magnitude.begin(), one.magnitude.end());
    b.push_back(o.b.data() + i * o.k * n);
    c.push_back(batched.data() + i * o.m * n);
  }
  for (const int32_t devices : {0, 1, 2, 100}) {
    std::ranges::fill(batched, kUntouched);
    ASSERT_EQ(gemm_q4_K_inferentia_batched(o.a.data(), b.data(), c.data(), o.m, n, o.k, kBatch,
                                           devices, nullptr, nullptr),
              IX_OK)
        << ix_last_error();
    expect_product(batched, expected, o.k);
  }
  std::ranges::fill(batched, kUntouched);
  gemm_q4_K_aws_inferentia_batch(o.a.data(), o.b.data(), batched.data(), 21, 3, 256, kBatch,
                                 nullptr);
  EXPECT_EQ(ix_last_status(), IX_OK) << ix_last_error();
  expect_product(batched, expected, o.k);
}

TEST_P(AcceleratorTest, PipelinesAndStreamsEqualSynchronousCalls) {
  std::vector<Operands> operands;
  std::vector<std::vector<float>> expected;
  for (unsigned i = 0; i < 12; ++i) {
    // Every third has the A of the first.
    operands.push_back(random_operands(19, 1 + i, 512, i % 3 == 0 ? 30 : 30 + i));
    if (i % 3 == 0) operands.back().a = operands.front().a;
    expected.push_back(plain(operands.back()));
    expect_product(expected.back(), multiply(operands.back()), 512);
  }
  for (const int32_t streams : {1, 4, 256}) {
    std::vector<std::vector<float>> results;
    std::vector<gemm_q4_K_inferentia_request> requests;
    std::vector<const gemm_q4_K_inferentia_request*> pointers;
    for (const Operands& o : operands) results.push_back(untouched(o.m * o.n));
    for (size_t i = 0; i < operands.size(); ++i) {
      const Operands& o = operands[i];
      const Operands& of_a = i % 3 == 0 ? operands.front() : o;
      requests.push_back({sizeof(gemm_q4_K_inferentia_request), of_a.a.data(), o.b.data(),
                          results[i].data(), o.m, o.n, o.k, nullptr});
    }
    for (const auto& request : requests) pointers.push_back(&request);
    ASSERT_EQ(gemm_q4_K_inferentia_pipelined(pointers.data(), 12, streams), IX_OK)
        << ix_last_error();
    for (size_t i = 0; i < operands.size(); ++i) expect_same_bits(results[i], expected[i]);
  }
  // Two streams with one cache, which is freed while its work is queued.
  gemm_q4_K_inferentia_cache* cache = make_cache(operands.front());
  ix_stream* streams[2] = {};
  std::vector<std::vector<float>> results;
  for (ix_stream*& stream : streams) ASSERT_EQ(ix_stream_create(nullptr, &stream), IX_OK);
  for (size_t i = 0; i < operands.size(); i += 3) results.push_back(untouched(19 * (1 + i)));
  for (size_t i = 0; i < results.size(); ++i) {
    const Operands& o = operands[3 * i];
    ASSERT_EQ(gemm_q4_K_inferentia_cached(cache, o.b.data(), results[i].data(), o.n, nullptr,
                                          streams[i % 2]),
              IX_OK);
  }
  EXPECT_EQ(gemm_q4_K_inferentia_cache_free(cache), IX_OK);
  for (ix_stream* stream : streams) EXPECT_EQ(ix_stream_destroy(stream), IX_OK);
  for (size_t i = 0; i < results.size(); ++i) expect_same_bits(results[i], expected[3 * i]);
}

TEST_P(AcceleratorTest, DequantisesInFp32) {
  const Operands o = random_operands(130, 1, 256, 25);
  for (const int32_t cores : {0, 1, 1000}) {
    std::vector<float> out = untouched(o.m * o.k);
    ASSERT_EQ(dequant_q4_K_inferentia(o.a.data(), out.data(), o.m, cores), IX_OK)
        << ix_last_error();
    for (size_t i = 0; i < out.size(); ++i) {
      ASSERT_EQ(out[i], weight(o.a[i / 256], static_cast<int>(i % 256))) << i;
    }
  }
}

TEST_P(AcceleratorTest, EmptyShapesDoNothingAndKOfZeroGivesZeros) {
  const std::vector<ix_fp16> b(5 * 256);
  EXPECT_EQ(gemm_q4_K_inferentia(nullptr, b.data(), nullptr, 0, 5, 256, nullptr, nullptr), IX_OK);
  EXPECT_EQ(gemm_q4_K_inferentia(nullptr, nullptr, nullptr, 5, 0, 0, nullptr, nullptr), IX_OK);
  std::vector<float> c = untouched(6);
  EXPECT_EQ(gemm_q4_K_inferentia(nullptr, nullptr, c.data(), 2, 3, 0, nullptr, nullptr), IX_OK);
  expect_same_bits(c, std::vector<float>(6, 0.0F));
  const gemm_q4_K_inferentia_request nothing = {sizeof(nothing), nullptr, nullptr, nullptr, 0, 0, 0,
                                                nullptr};
  const gemm_q4_K_inferentia_request* pointer = &nothing;
  EXPECT_EQ(gemm_q4_K_inferentia_pipelined(&pointer, 1, 3), IX_OK);
}

TEST(OnNeuron, ColumnsArePaddedSoThatFewProgramsAreCompiled) {
  Chosen device = Chosen::neuron(2);
  const Operands all = random_operands(6, 33, 256, 26);
  const Reference expected = multiply(all);
  gemm_q4_K_inferentia_cache* cache = make_cache(all);
  ix_gemm_options options = IX_GEMM_OPTIONS_INIT;
  options.ldb = options.ldc = all.n;
  for (int repeat = 0; repeat < 2; ++repeat) {
    for (int64_t n = 1; n <= all.n; ++n) {
      std::vector<float> c = untouched(all.m * all.n);
      ASSERT_EQ(gemm_q4_K_inferentia_cached(cache, all.b.data(), c.data(), n, &options, nullptr),
                IX_OK)
          << ix_last_error();
      for (size_t i = 0; i < c.size(); ++i) {
        if (static_cast<int64_t>(i) % all.n < n) {
          ASSERT_LE(std::fabs(c[i] - expected.c[i]), gamma(all.k) * expected.magnitude[i]);
        } else {
          ASSERT_EQ(c[i], kUntouched);
        }
      }
    }
  }
  EXPECT_EQ(device.compilations(), 7);  // 1, 2, 4, 8, 16, 32 and 64 columns
  EXPECT_THAT(device.fake->log("COMPLAINT"), IsEmpty());
}

// 160 MiB a core, of which 96 are libnrt's: one cache of 40 MiB a core fits, two do not.
TEST(OnNeuron, FreeingACacheFreesTheDevicesMemory) {
  Chosen device = Chosen::neuron(2);
  device.set("FAKE_NRT_CORE_BYTES", std::to_string(160 << 20));
  Operands o = random_operands(1, 1, 256, 27);
  o.m = 2 * 4096;
  o.k = 20 * 256;
  o.a.assign(static_cast<size_t>(o.m * o.k / 256), o.a[0]);
  for (int i = 0; i < 4; ++i) {
    gemm_q4_K_inferentia_cache* cache = make_cache(o);
    ASSERT_NE(cache, nullptr) << i;
    gemm_q4_K_inferentia_cache* second = nullptr;
    EXPECT_EQ(gemm_q4_K_inferentia_cache_create(o.a.data(), o.m, o.k, &second),
              IX_RESOURCE_EXHAUSTED);
    EXPECT_THAT(ix_last_error(), HasSubstr("NRT_RESOURCE"));
    EXPECT_EQ(second, nullptr);
    ASSERT_EQ(gemm_q4_K_inferentia_cache_free(cache), IX_OK);
  }
}

TEST(OnNeuron, AutoTakesTheCoresThatAreThere) {
  const Chosen device = Chosen::neuron(2, "auto");
  const char* name = nullptr;
  ASSERT_EQ(ix_device_name(&name), IX_OK) << ix_last_error();
  EXPECT_THAT(name, StartsWith("Neuron (neuron, 2 cores, libnrt 2."));
  const Operands o = random_operands(5, 2, 256, 28);
  expect_product(plain(o), multiply(o), o.k);
  EXPECT_THAT(device.fake->log("nrt_init cores 2"), ::testing::SizeIs(1));
}

TEST(OnNeuron, AutoTakesTheCpuWhereNoCoreIsVisible) {
  const Chosen device = Chosen::neuron(0, "auto");
  const char* name = nullptr;
  ASSERT_EQ(ix_device_name(&name), IX_OK) << ix_last_error();
  EXPECT_THAT(name, StartsWith("CPU ("));
}

}  // namespace
}  // namespace ix::capi::test
