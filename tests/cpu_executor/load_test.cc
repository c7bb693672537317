// load_model(): memory, progress, pages given back, instruction sets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <mutex>
#include <vector>

#include "backend/cpu/cpu_executor.h"
#include "backend/cpu/kernels/isa.h"
#include "backend/cpu/memory_plan.h"
#include "backend/small_models.h"

namespace ix::backend::cpu {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uint64_t kMiB = 1024 * 1024;

const ExecutorOptions kOptions{.threads = 2, .max_rows = 32, .kv_tokens = 256};

TEST(MemoryPlan, RefusesWithTheFiguresAndTheAdviceThatHelps) {
  const MemoryPlan plan{
      .weights = 3000 * kMiB, .kv = 900 * kMiB, .scratch = 100 * kMiB, .kv_tokens = 8192};
  EXPECT_TRUE(check_memory(plan, 4000 * kMiB).ok());
  EXPECT_TRUE(check_memory(plan, std::nullopt).ok());
  const Status cache = check_memory(plan, 3999 * kMiB);
  EXPECT_EQ(cache.code(), StatusCode::resource_exhausted);
  EXPECT_THAT(cache.message(),
              AllOf(HasSubstr("weights 3000 MiB"), HasSubstr("KV cache of 8192 tokens 900 MiB"),
                    HasSubstr("buffers 100 MiB = 4000 MiB"), HasSubstr("3999 MiB can be had"),
                    HasSubstr("smaller context (-c)")));
  const Status weights = check_memory(plan, 3099 * kMiB);
  EXPECT_EQ(weights.code(), StatusCode::resource_exhausted);
  EXPECT_THAT(weights.message(), HasSubstr("smaller model"));
}

TEST(LoadModel, IsRefusedBeforeItTakesMoreThanTheLimit) {
  const auto model = testing::make_sliding_model();
  const auto refused = load_model(model->decoder, model->weights, kOptions, {.memory_limit = 4096});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), StatusCode::resource_exhausted);
  EXPECT_THAT(refused.status().message(), HasSubstr("not enough memory"));
}

TEST(LoadModel, LimitCountsTheCacheOfTheExecutorToo) {
  const auto model = testing::make_sliding_model();
  const auto loaded =
      load_model(model->decoder, model->weights, kOptions, {.memory_limit = 64 * kMiB});
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_TRUE(open_cpu(*loaded, kOptions).ok());
  ExecutorOptions large = kOptions;
  large.kv_tokens = 10'000'000;
  const auto refused = open_cpu(*loaded, large);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), StatusCode::resource_exhausted);
  EXPECT_THAT(refused.status().message(), HasSubstr("smaller context (-c)"));
}

TEST(LoadModel, ReportsProgressUpToTheWhole) {
  const auto model = testing::make_sliding_model();
  struct Calls {
    std::vector<int64_t> done;
    int64_t total = 0;
  } calls;
  const CpuOptions cpu_options{.progress =
                                   [](void* context, int64_t done, int64_t total) {
                                     static_cast<Calls*>(context)->done.push_back(done);
                                     static_cast<Calls*>(context)->total = total;
                                   },
                               .progress_context = &calls};
  ASSERT_TRUE(load_model(model->decoder, model->weights, kOptions, cpu_options).ok());
  ASSERT_FALSE(calls.done.empty());
  EXPECT_TRUE(std::is_sorted(calls.done.begin(), calls.done.end()));
  EXPECT_EQ(calls.done.back(), calls.total);
}

// Counts the bytes that the loader says it will not read again.
class CountingSource final : public quant::WeightSource {
 public:
  explicit CountingSource(const quant::WeightSource& source) : source_(source) {}
  Result<quant::TensorView> find(std::string_view name) const override {
    return source_.find(name);
  }
  void release(const quant::TensorView& view) const override {
    const std::lock_guard lock(mutex_);
    released_ += view.bytes.size();
  }
  size_t released() const { return released_; }

 private:
  const quant::WeightSource& source_;
  mutable std::mutex mutex_;
  mutable size_t released_ = 0;
};

// Only what is packed is given back. All matrices of these models fit panels but the uneven one's.
TEST(LoadModel, PacksEveryTypeAndGivesItsPagesBack) {
  for (const auto& model : testing::small_models()) {
    SCOPED_TRACE(model->name);
    size_t linear_bytes = 0;
    for (const graph::Op& any : model->decoder.ops) {
      const auto* linear = std::get_if<graph::Linear>(&any);
      if (linear == nullptr) continue;
      const auto tensor = model->weights.find(linear->weight);
      ASSERT_TRUE(tensor.ok());
      linear_bytes += tensor->bytes.size();
    }
    ASSERT_GT(linear_bytes, 0U);
    const CountingSource source(model->weights);
    ASSERT_TRUE(load_model(model->decoder, source, kOptions, {}).ok());
    EXPECT_EQ(source.released(), model->name == "uneven" ? 0 : linear_bytes);
  }
}

TEST(LoadModel, TakesTheInstructionSetThatIsForced) {
  const auto model = testing::make_sliding_model();
  const auto description = [&](const CpuOptions& cpu_options) {
    const auto loaded = load_model(model->decoder, model->weights, kOptions, cpu_options);
    IX_CHECK(loaded.ok());
    return (*open_cpu(*loaded, kOptions))->description();
  };
  EXPECT_EQ(description({.isa = "generic"}), "cpu generic, 2 threads");
  ASSERT_EQ(setenv("IX_CPU_ISA", "generic", 1), 0);
  EXPECT_EQ(description({}), "cpu generic, 2 threads");
  ASSERT_EQ(setenv("IX_CPU_ISA", "mmx", 1), 0);
  const auto refused = load_model(model->decoder, model->weights, kOptions, {});
  unsetenv("IX_CPU_ISA");
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.status().message(), AllOf(HasSubstr("IX_CPU_ISA"), HasSubstr("mmx")));
}

TEST(LoadModel, SeveralExecutorsShareOneModel) {
  const auto model = testing::make_sliding_model();
  const auto loaded = load_model(model->decoder, model->weights, kOptions, {});
  ASSERT_TRUE(loaded.ok());
  auto first = open_cpu(*loaded, kOptions);
  auto second = open_cpu(*loaded, kOptions);
  EXPECT_TRUE(first.ok());
  EXPECT_TRUE(second.ok());
}

}  // namespace
}  // namespace ix::backend::cpu
