// The conformance suite: what every backend must do, on small models with random weights. Each test
// runs on every backend of backends.cc and every model of small_models.cc.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "backend/backends.h"
#include "backend/session.h"
#include "backend/small_models.h"

namespace ix::testing {

using Logits = std::vector<std::vector<float>>;  // [tokens][vocab]

class Conformance : public ::testing::TestWithParam<std::tuple<int, int>> {
 protected:
  Conformance()
      : backend_(backends()[static_cast<size_t>(std::get<0>(GetParam()))]),
        model_(small_models()[static_cast<size_t>(std::get<1>(GetParam()))]) {}

  std::unique_ptr<backend::Executor> open(int threads = 2, int32_t max_rows = 64,
                                          int64_t kv_tokens = 512, int32_t max_sequences = 4) {
    auto executor = backend_.open(model_->decoder, model_->weights,
                                  backend::ExecutorOptions{.threads = threads,
                                                           .max_rows = max_rows,
                                                           .kv_tokens = kv_tokens,
                                                           .max_sequences = max_sequences});
    EXPECT_TRUE(executor.ok()) << executor.status().message();
    return executor.ok() ? std::move(executor).value() : nullptr;
  }

  // Logits of a sequence that runs alone, in steps of `rows`.
  Logits run_alone(const std::vector<TokenId>& tokens, int rows = 64) {
    auto executor = open(2, 64, 512, 1);
    Session session(*executor);
    Sequence sequence = session.start();
    return session.run(sequence, tokens, rows);
  }

  // Same bits where the backend promises them, else close.
  void expect_same(const std::vector<float>& actual, const std::vector<float>& expected,
                   const std::string& what) const {
    ASSERT_EQ(actual.size(), expected.size()) << what;
    for (size_t i = 0; i < actual.size(); ++i) {
      if (backend_.batch_invariant) {
        ASSERT_EQ(actual[i], expected[i]) << what << ", logit " << i;
      } else {
        ASSERT_NEAR(actual[i], expected[i], 0.05) << what << ", logit " << i;
      }
    }
  }

  void expect_same(const Logits& actual, const Logits& expected, const std::string& what) const {
    ASSERT_EQ(actual.size(), expected.size()) << what;
    for (size_t i = 0; i < actual.size(); ++i) {
      expect_same(actual[i], expected[i], what + ", token " + std::to_string(i));
    }
  }

  std::vector<TokenId> tokens(int count, uint32_t seed) const {
    return random_tokens(*model_, count, seed);
  }

  Backend backend_;
  std::shared_ptr<const SmallModel> model_;
};

}  // namespace ix::testing
