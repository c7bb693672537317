// What the C functions say where an accelerator is missing, refuses or dies; C stays untouched.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "capi/accelerators.h"
#include "capi/reference.h"
#include "capi/results.h"
#include "ix/inferentia.h"

namespace ix::capi::test {
namespace {

using ::testing::AllOf;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Matcher;
using ::testing::Ne;

// A product on the device that is chosen: its status, its message, and C untouched.
void expect_refused(const Matcher<ix_status>& status, const Matcher<std::string>& message) {
  const Operands o = random_operands(5, 2, 256, 29);
  std::vector<float> c = untouched(o.m * o.n);
  EXPECT_THAT(
      gemm_q4_K_inferentia(o.a.data(), o.b.data(), c.data(), o.m, o.n, o.k, nullptr, nullptr),
      status);
  EXPECT_THAT(std::string(ix_last_error()), message);
  expect_untouched(c);
}

TEST(OnNeuron, SaysThatNoCoreIsVisible) {
  const Chosen device = Chosen::neuron(0);
  expect_refused(IX_NOT_FOUND,
                 AllOf(HasSubstr("no NeuronCore is visible"), HasSubstr("IX_DEVICE=cpu")));
}

TEST(OnNeuron, SaysWhyAProgramCannotBeCompiled) {
  Chosen device = Chosen::neuron(2);
  device.set("FAKE_NEURONX_CC_FAIL", "EVRF007");
  expect_refused(Ne(IX_OK), HasSubstr("EVRF007"));
}

TEST(OnNeuron, SaysThatThereIsNoCompiler) {
  Chosen device = Chosen::neuron(2);
  device.set("IX_NEURONX_CC", "/nowhere/neuronx-cc");
  expect_refused(Ne(IX_OK), HasSubstr("neuronx-cc"));
}

// NRT_EXEC_UNIT_UNRECOVERABLE, sticky.
TEST(OnNeuron, ADeadCoreGivesOneStatusForEver) {
  Chosen device = Chosen::neuron(2);
  device.fake->script("nrt_execute@1 3 101");
  const Operands o = random_operands(5, 2, 256, 31);
  gemm_q4_K_inferentia_cache* cache = make_cache(o);
  for (int i = 0; i < 2; ++i) expect_product(cached(cache, o), multiply(o), o.k);
  std::vector<float> c = untouched(10);
  const auto product = [&] {
    return gemm_q4_K_inferentia_cached(cache, o.b.data(), c.data(), o.n, nullptr, nullptr);
  };
  const ix_status death = product();
  EXPECT_EQ(death, IX_UNAVAILABLE);
  const std::string message = ix_last_error();
  EXPECT_THAT(message, HasSubstr("NRT_EXEC_UNIT_UNRECOVERABLE"));
  EXPECT_EQ(product(), death);
  EXPECT_EQ(ix_last_error(), message);
  ix_stream* stream = nullptr;
  ASSERT_EQ(ix_stream_create(nullptr, &stream), IX_OK);
  ASSERT_EQ(gemm_q4_K_inferentia_cached(cache, o.b.data(), c.data(), o.n, nullptr, stream), IX_OK);
  EXPECT_EQ(ix_stream_destroy(stream), death);
  EXPECT_THAT(ix_last_error(), HasSubstr("NRT_EXEC_UNIT_UNRECOVERABLE"));
  gemm_q4_K_inferentia_cache* second = nullptr;
  EXPECT_EQ(gemm_q4_K_inferentia_cache_create(o.a.data(), o.m, o.k, &second), death);
  std::vector<float> out = untouched(256);
  EXPECT_EQ(dequant_q4_K_inferentia(o.a.data(), out.data(), 1, 0), death);
  gemm_q4_K_aws_inferentia(o.a.data(), o.b.data(), c.data(), 5, 2, 256, nullptr);
  EXPECT_EQ(ix_last_status(), death);
  expect_untouched(c);
  expect_untouched(out);
  EXPECT_EQ(gemm_q4_K_inferentia_cache_free(cache), IX_OK);
}

// NRT_EXEC_BAD_INPUT, not sticky: the product fails, others that were in flight do not.
TEST(OnNeuron, AProductThatFailsFailsAlone) {
  Chosen device = Chosen::neuron(1);
  device.fake->script("nrt_execute 3 1002");
  const Operands o = random_operands(5, 2, 256, 32);
  const Reference expected = multiply(o);
  gemm_q4_K_inferentia_cache* cache = make_cache(o);
  std::vector<ix_stream*> streams(4);
  std::vector<std::vector<float>> results(8, untouched(10));
  for (ix_stream*& stream : streams) ASSERT_EQ(ix_stream_create(nullptr, &stream), IX_OK);
  for (size_t i = 0; i < results.size(); ++i) {
    ASSERT_EQ(gemm_q4_K_inferentia_cached(cache, o.b.data(), results[i].data(), o.n, nullptr,
                                          streams[i % 4]),
              IX_OK);
  }
  int failed = 0;
  for (ix_stream* stream : streams) failed += ix_stream_destroy(stream) == IX_OK ? 0 : 1;
  EXPECT_EQ(failed, 1);
  int missing = 0;
  for (const std::vector<float>& c : results) {
    if (c[0] == kUntouched) {
      ++missing;
      expect_untouched(c);
    } else {
      expect_product(c, expected, o.k);
    }
  }
  EXPECT_EQ(missing, 1);
  expect_product(cached(cache, o), expected, o.k);
}

// Alone, it is given up by our own limit; where another core waits for it, that one's timeout is
// told.
void expect_to_give_up(int cores, ix_status status, const char* reason) {
  Chosen device = Chosen::neuron(cores);
  device.set("NEURON_RT_EXEC_TIMEOUT", "1");
  device.fake->script("nrt_execute@0 1 hang");
  expect_refused(status, HasSubstr(reason));
  const std::string message = ix_last_error();
  expect_refused(status, Eq(message));
}

TEST(OnNeuron, AnExecutionThatHangsIsGivenUp) {
  expect_to_give_up(1, IX_DEADLINE_EXCEEDED, "nrt_execute of gemm_5x256x2");
}

TEST(OnNeuron, AnExecutionThatHangsOnOneOfTwoCoresIsGivenUp) {
  expect_to_give_up(2, IX_UNAVAILABLE, "NRT_EXEC_HW_ERR_COLLECTIVES");
}

TEST(OnPlugins, SaysWhatToDoWithoutOne) {
  const std::pair<const char*, ix_status> cases[] = {{"pjrt:", IX_INVALID_ARGUMENT},
                                                     {"pjrt:/nowhere/plugin.so", IX_NOT_FOUND},
                                                     {"pjrt:/usr", IX_INVALID_ARGUMENT},
                                                     {"pjrt:/etc/passwd", IX_INVALID_ARGUMENT}};
  for (const auto& [device, status] : cases) {
    const ScopedVariable variable("IX_DEVICE", device);
    expect_refused(status, AllOf(HasSubstr("path of a PJRT plugin"), HasSubstr("IX_DEVICE=cpu")));
  }
  const Chosen chosen = Chosen::plugin(1);
  for (const char* devices : {"0", "-1", "x", "2x", "1025"}) {
    const ScopedVariable variable("IX_PJRT_DEVICES", devices);
    expect_refused(IX_INVALID_ARGUMENT, HasSubstr("IX_PJRT_DEVICES="));
  }
  // What fails is chosen anew.
  ::setenv("IX_PJRT_DEVICES", "2", 1);
  const Operands o = random_operands(5, 2, 256, 34);
  expect_product(plain(o), multiply(o), o.k);
}

}  // namespace
}  // namespace ix::capi::test
