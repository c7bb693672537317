// Requests of an engine on the fake device while the nth execution fails: each ends with its own
// tokens or with the failure, and never gives a token that it would not have given otherwise.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "engine/byte_vocabulary.h"
#include "engine/engine.h"
#include "neuron/model_run.h"

namespace ix::backend::neuron {
namespace {

using engine::Engine;
using engine::FinishReason;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Tokens = std::vector<TokenId>;

constexpr int kLastExecution = 20;  // beyond those of the requests

struct Answer {
  Tokens tokens;
  std::optional<FinishReason> finish;
  Status error;
};

class Requests {
 public:
  // Steps of fewer rows than two prompts have: while one is prefilled the other waits half done.
  explicit Requests(ModelRun& run) {
    EXPECT_TRUE(run.open().ok());
    auto made = Engine::create(
        model_of_runs().decoder, run.take_executor(), vocabulary_.tokenizer(),
        {.context_length = ModelRun::kContext, .max_sequences = ModelRun::kSlots, .max_rows = 12});
    EXPECT_TRUE(made.ok()) << made.status().message();
    engine_ = *std::move(made);
  }

  Result<engine::RequestId> submit(int32_t slot) {
    engine::Request request;
    request.prompt = ModelRun::sequence(slot);
    request.max_tokens = 6;
    request.sampling.temperature = 0;
    request.ignore_end_tokens = true;
    return engine_->submit(std::move(request));
  }

  void run_to_the_end() {
    for (int i = 0; i < 100 && !engine_->idle(); ++i) {
      const auto events = engine_->step();
      ASSERT_TRUE(events.ok()) << events.status().message();
      for (const engine::Event& event : *events) {
        Answer& answer = answers[event.request];
        if (event.token) answer.tokens.push_back(event.token->token);
        answer.finish = event.finish;
        answer.error = event.error;
      }
    }
    EXPECT_TRUE(engine_->idle());
  }

  std::map<engine::RequestId, Answer> answers;

 private:
  engine::test::ByteVocabulary vocabulary_;
  std::unique_ptr<Engine> engine_;
};

// Of two requests at once, then of the first one alone.
struct Outcome {
  std::vector<Answer> together;
  Result<Answer> alone = Answer{};
  HealthState health = HealthState::ok;
};

Outcome outcome(const std::string& script) {
  shared_device().script(script);
  auto run = ModelRun::load({.ranks = 1});
  EXPECT_TRUE(run.ok()) << run.status().message();
  Requests requests(*run);
  const std::vector<engine::RequestId> ids = {*requests.submit(0), *requests.submit(1)};
  requests.run_to_the_end();
  Outcome out;
  for (const engine::RequestId id : ids) out.together.push_back(requests.answers[id]);
  const auto last = requests.submit(0);
  if (last.ok()) {
    requests.run_to_the_end();
    out.alone = requests.answers[*last];
  } else {
    out.alone = last.status();
  }
  out.health = run->health().state;
  return out;
}

void expect_no_wrong_token(const Answer& answer, const Answer& expected, const char* status) {
  ASSERT_TRUE(answer.finish.has_value());
  if (*answer.finish == FinishReason::error) {
    EXPECT_THAT(answer.error.message(), HasSubstr(status));
    ASSERT_LE(answer.tokens.size(), expected.tokens.size());
    EXPECT_TRUE(
        std::ranges::equal(answer.tokens, std::span(expected.tokens).first(answer.tokens.size())));
  } else {
    EXPECT_EQ(answer.tokens, expected.tokens);
  }
}

TEST(EngineOnNeuron, GivesNoWrongTokenWhereAnExecutionFails) {
  const Outcome expected = outcome("");
  EXPECT_EQ(expected.together[0].tokens.size(), 6U);
  EXPECT_EQ(expected.together[1].tokens.size(), 6U);
  EXPECT_NE(expected.together[0].tokens, expected.together[1].tokens);
  int failed_runs = 0;
  for (int nth = 1; nth <= kLastExecution; ++nth) {
    SCOPED_TRACE(nth);
    const Outcome actual = outcome(fmt::format("nrt_execute {} NRT_EXEC_OOB", nth));
    const bool failed = std::ranges::any_of(
        actual.together, [](const Answer& answer) { return answer.finish == FinishReason::error; });
    failed_runs += failed ? 1 : 0;
    for (size_t i = 0; i < 2; ++i) {
      expect_no_wrong_token(actual.together[i], expected.together[i], "NRT_EXEC_OOB (1006)");
    }
    // The next request runs where the failure was not in it.
    ASSERT_TRUE(actual.alone.ok()) << actual.alone.status().message();
    expect_no_wrong_token(*actual.alone, *expected.alone, "NRT_EXEC_OOB (1006)");
    if (failed) {
      EXPECT_EQ(actual.alone->tokens, expected.alone->tokens);
    }
    EXPECT_EQ(actual.health, HealthState::ok);
  }
  EXPECT_GT(failed_runs, 5);
  EXPECT_THAT(shared_device().log("COMPLAINT"), IsEmpty());
}

TEST(EngineOnNeuron, EndsAllRequestsWhereTheDeviceIsLost) {
  const Outcome expected = outcome("");
  for (const int nth : {1, 4, 7}) {
    SCOPED_TRACE(nth);
    const Outcome actual = outcome(fmt::format("nrt_execute {} NRT_EXEC_HW_ERR_HBM_UE", nth));
    for (size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(actual.together[i].finish, FinishReason::error);
      expect_no_wrong_token(actual.together[i], expected.together[i], "NRT_EXEC_HW_ERR_HBM_UE");
    }
    ASSERT_FALSE(actual.alone.ok());
    EXPECT_EQ(actual.alone.status().code(), StatusCode::unavailable);
    EXPECT_THAT(actual.alone.status().message(), HasSubstr("stop and start the instance"));
    EXPECT_EQ(actual.health, HealthState::dead);
  }
  EXPECT_THAT(shared_device().log("COMPLAINT"), IsEmpty());
}

}  // namespace
}  // namespace ix::backend::neuron
