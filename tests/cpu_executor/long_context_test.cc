// Positions past several attention chunks of 256, against the reference executor.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "backend/attention_rounding.h"
#include "backend/cpu/cpu_executor.h"
#include "backend/reference/reference_executor.h"
#include "backend/session.h"
#include "backend/small_models.h"

namespace ix::backend::cpu {
namespace {

constexpr int kTokens = 540;

using Logits = std::vector<std::vector<float>>;

ExecutorOptions options_with(int threads) {
  return {.threads = threads, .max_rows = 256, .kv_tokens = 1024, .max_sequences = 1};
}

std::unique_ptr<Executor> open_unpacked(const testing::SmallModel& model, int threads) {
  auto loaded = load_model(model.decoder, model.weights, options_with(threads), {.pack = false});
  IX_CHECK(loaded.ok());
  auto executor = open_cpu(*loaded, options_with(threads));
  IX_CHECK(executor.ok());
  return *std::move(executor);
}

Logits run(Executor& executor, const std::vector<TokenId>& tokens, int rows) {
  testing::Session session(executor);
  testing::Sequence sequence = session.start();
  return session.run(sequence, tokens, rows);
}

class LongContext : public ::testing::TestWithParam<int> {
 protected:
  const std::shared_ptr<const testing::SmallModel> model_ =
      testing::small_models()[static_cast<size_t>(GetParam())];
  const std::vector<TokenId> tokens_ = testing::random_tokens(*model_, kTokens, 5);
};

TEST_P(LongContext, AgreesWithTheReference) {
  auto reference = open_reference(model_->decoder, model_->weights, options_with(2));
  ASSERT_TRUE(reference.ok());
  const Logits expected = run(**reference, tokens_, 200);
  const Logits actual = run(*open_unpacked(*model_, 2), tokens_, 200);
  double difference = 0;
  double size = 0;
  for (size_t r = 0; r < expected.size(); ++r) {
    for (size_t i = 0; i < expected[r].size(); ++i) {
      difference += std::pow(static_cast<double>(actual[r][i]) - expected[r][i], 2);
      size += std::pow(static_cast<double>(expected[r][i]), 2);
    }
  }
  // The rounding of attention is the only difference.
  EXPECT_LE(std::sqrt(difference / size), 2e-3 * testing::attention_rounding(*choose_isa()));
}

// One row of one sequence on several threads takes the way that splits the cache among them.
TEST_P(LongContext, IsTheSameBitsForAnyChunksAndThreads) {
  const Logits expected = run(*open_unpacked(*model_, 1), tokens_, 256);
  EXPECT_EQ(run(*open_unpacked(*model_, 2), tokens_, 1), expected);
  EXPECT_EQ(run(*open_unpacked(*model_, 3), tokens_, 37), expected);
}

INSTANTIATE_TEST_SUITE_P(SmallModels, LongContext, ::testing::Values(0, 1, 2));

}  // namespace
}  // namespace ix::backend::cpu
