// Requests that are refused, requests that are cancelled, and backends that fail.
#include <gtest/gtest.h>

#include <limits>

#include "engine/engine_fixture.h"

namespace ix::engine::test {
namespace {

EngineOptions two_sequences() { return {.context_length = 32, .max_sequences = 2, .max_rows = 16}; }

std::string refusal(Request asked) {
  TestEngine engine({}, two_sequences());
  return engine.engine().submit(std::move(asked)).status().message();
}

TEST(EngineSubmit, RefusesWhatItCannotRun) {
  EXPECT_EQ(refusal(request({}, 1)), "the prompt has no tokens");
  EXPECT_EQ(refusal(request(std::vector<TokenId>(33, 5), 1)),
            "the prompt has 33 tokens, but the context holds 32");
  EXPECT_EQ(refusal(request({5, 259}, 1)),
            "the prompt has token 259, but the vocabulary has 259 tokens");
  EXPECT_EQ(refusal(request({-1}, 1)),
            "the prompt has token -1, but the vocabulary has 259 tokens");
  EXPECT_EQ(refusal(request({5}, -2)),
            "max_tokens is -2, but must be -1 (until the context is full) or more");
  SamplingOptions sampling;
  sampling.temperature = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(refusal(request({5}, 1, sampling)),
            "temperature is nan, but must be 0 (greedy) or a positive number");
  Request asked = request({5}, 1);
  asked.logprobs = 257;
  EXPECT_EQ(refusal(asked), "logprobs is 257, but must be -1 (none) to 256");
  asked.logprobs = -1;
  asked.stop = {""};
  EXPECT_EQ(refusal(asked), "a stop string must not be empty and must be UTF-8");
}

TEST(EngineCreate, RefusesAContextThatTheCacheDoesNotHold) {
  const ByteVocabulary vocabulary;
  graph::Decoder decoder;
  decoder.vocab_size = 259;
  decoder.context_length = 1 << 20;
  const auto create = [&](EngineOptions options) {
    return Engine::create(decoder, std::make_unique<FakeExecutor>(FakeConfig{}),
                          vocabulary.tokenizer(), options)
        .status()
        .message();
  };
  // The default is the smaller of the model's and 8192; the fake holds 64 blocks of 4.
  EXPECT_EQ(create({}),
            "a context of 8192 tokens needs 2048 KV blocks of 4 tokens, but the backend has 64");
  EXPECT_EQ(create({.context_length = 256}), "");
  decoder.context_length = 128;
  EXPECT_EQ(create({}), "");
}

TEST(EngineCancel, EndsTheRequestAndKeepsTheOthers) {
  TestEngine engine({}, two_sequences());
  Request asked = request({5, 6, 7}, 10);
  asked.ignore_end_tokens = true;
  const RequestId first = engine.submit(asked);
  const RequestId second = engine.submit(asked);
  const RequestId third = engine.submit(asked);  // waits
  engine.step();
  engine.engine().cancel(first);
  engine.engine().cancel(third);
  engine.engine().cancel(99);  // there is none
  engine.run();
  EXPECT_EQ(engine.answers[first].finish, FinishReason::cancelled);
  EXPECT_EQ(engine.answers[first].tokens.size(), 1U);
  EXPECT_EQ(engine.answers[third].finish, FinishReason::cancelled);
  EXPECT_EQ(engine.answers[third].tokens.size(), 0U);
  EXPECT_EQ(engine.answers[second].tokens.size(), 10U);
}

void expect_failure_of_one_step(bool in_submit) {
  TestEngine engine({}, two_sequences());
  Request asked = request({5, 6, 7}, 10);
  asked.ignore_end_tokens = true;
  const RequestId first = engine.submit(asked);
  const RequestId second = engine.submit(asked);
  const RequestId third = engine.submit(asked);  // waits, so the failure does not touch it
  (in_submit ? engine.fake().fail_submit_at : engine.fake().fail_wait_at) = 2;
  engine.run();
  for (const RequestId id : {first, second}) {
    EXPECT_EQ(engine.answers[id].finish, FinishReason::error);
    EXPECT_EQ(engine.answers[id].error.message(), in_submit ? "submit failed" : "wait failed");
    EXPECT_EQ(engine.answers[id].tokens.size(), 2U);
  }
  EXPECT_EQ(engine.answers[third].finish, FinishReason::length);
}

TEST(EngineFailure, OfSubmitEndsTheRequestsOfTheStep) { expect_failure_of_one_step(true); }
TEST(EngineFailure, OfWaitEndsTheRequestsOfTheStep) { expect_failure_of_one_step(false); }

TEST(EngineFailure, OfADeadBackendEndsAllRequests) {
  TestEngine engine({}, two_sequences());
  std::vector<RequestId> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(engine.submit(request({5, 6, 7}, 10)));
  engine.fake().fail_wait_at = 0;
  engine.fake().dies = true;
  engine.run();
  for (const RequestId id : ids) EXPECT_EQ(engine.answers[id].finish, FinishReason::error);
  EXPECT_EQ(engine.engine().submit(request({5}, 1)).status().message(), "wait failed");
}

TEST(EngineFailure, OfLogitsThatAreNotNumbersIsAnError) {
  FakeConfig config;
  config.model = [](std::span<const TokenId>, std::span<float> logits) {
    for (float& logit : logits) logit = std::numeric_limits<float>::quiet_NaN();
  };
  TestEngine engine(config, two_sequences());
  const Answer answer = engine.answer_to(request({5}, 3, SamplingOptions{}));
  EXPECT_EQ(answer.finish, FinishReason::error);
  EXPECT_EQ(answer.error.message(),
            "no token can be chosen: the model's logits are not numbers, or all are forbidden");
}

}  // namespace
}  // namespace ix::engine::test
