// What an answer consists of: text, end tokens, stop strings, limits, log-probabilities.
#include <gtest/gtest.h>

#include <cmath>

#include "engine/engine_fixture.h"

namespace ix::engine::test {
namespace {

constexpr TokenId kPrompt = 100;

// An engine whose model says `script` after a prompt of one token.
TestEngine saying(std::vector<TokenId> script, const std::vector<std::string>& pieces = {}) {
  FakeConfig config;
  config.model = scripted_model(1, std::move(script));
  return {std::move(config), {.context_length = 64, .max_sequences = 1, .max_rows = 16}, pieces};
}

std::vector<TokenId> bytes_then_end(std::string_view text) {
  auto out = byte_tokens(text);
  out.push_back(kEnd);
  return out;
}

TEST(EngineText, EndsAtTheEndTokenWhichHasNoText) {
  auto engine = saying(bytes_then_end("hi"));
  const Answer answer = engine.answer_to(request({kPrompt}, -1));
  EXPECT_EQ(answer.text, "hi");
  EXPECT_EQ(answer.tokens, bytes_then_end("hi"));
  EXPECT_EQ(answer.finish, FinishReason::stop);
}

TEST(EngineText, GoesOnPastEndTokensWhenAsked) {
  auto engine = saying({byte_token('a'), kEnd, byte_token('b')});
  Request ignoring = request({kPrompt}, 3);
  ignoring.ignore_end_tokens = true;
  const Answer answer = engine.answer_to(std::move(ignoring));
  EXPECT_EQ(answer.text, "ab");
  EXPECT_EQ(answer.finish, FinishReason::length);
}

TEST(EngineText, EndsAtMaxTokens) {
  auto engine = saying(bytes_then_end("hello"));
  const Answer answer = engine.answer_to(request({kPrompt}, 3));
  EXPECT_EQ(answer.text, "hel");
  EXPECT_EQ(answer.finish, FinishReason::length);
}

TEST(EngineText, RunsNothingForZeroTokens) {
  auto engine = saying(bytes_then_end("hello"));
  const Answer answer = engine.answer_to(request({kPrompt}, 0));
  EXPECT_EQ(answer.tokens.size(), 0U);
  EXPECT_EQ(answer.finish, FinishReason::length);
  EXPECT_TRUE(engine.fake().steps.empty());
}

TEST(EngineText, EndsWhenTheContextIsFull) {
  auto engine = saying(byte_tokens(std::string(100, 'x')));
  const Answer answer = engine.answer_to(request({kPrompt}, -1));
  EXPECT_EQ(answer.tokens.size(), 63U);  // 64 with the prompt
  EXPECT_EQ(answer.finish, FinishReason::context);
}

TEST(EngineText, EndsAtOnceWhenThePromptFillsTheContext) {
  auto engine = saying({});
  const Answer answer = engine.answer_to(request(std::vector<TokenId>(64, kPrompt), 5));
  EXPECT_EQ(answer.tokens.size(), 0U);
  EXPECT_EQ(answer.finish, FinishReason::context);
}

TEST(EngineText, GivesOnlyWholeCharacters) {
  auto engine = saying(bytes_then_end("a\u00e9\u20ac\U0001F600"));  // 1, 2, 3 and 4 bytes
  const Answer answer = engine.answer_to(request({kPrompt}, -1));
  EXPECT_EQ(answer.pieces, (std::vector<std::string>{"a", "", "\u00e9", "", "", "\u20ac", "", "",
                                                     "", "\U0001F600", ""}));
}

TEST(EngineText, ReplacesACharacterThatNeverEnds) {
  auto engine = saying(bytes_then_end("a\xe2\x82"));
  EXPECT_EQ(engine.answer_to(request({kPrompt}, -1)).text, "a\ufffd");
}

TEST(EngineText, FindsStopStringsAcrossTokensAndNeverEmitsThem) {
  auto engine = saying({kFirstPiece, kFirstPiece + 1, kFirstPiece + 2}, {"one<", "sto", "p>two"});
  Request asked = request({kPrompt}, -1);
  asked.stop = {"<stop>"};
  const Answer answer = engine.answer_to(std::move(asked));
  EXPECT_EQ(answer.pieces, (std::vector<std::string>{"one", "", ""}));
  EXPECT_EQ(answer.finish, FinishReason::stop);
}

TEST(EngineText, FindsStopStringsOfSeveralByteCharacters) {
  auto engine = saying(bytes_then_end("x\u20acy"));
  Request asked = request({kPrompt}, -1);
  asked.stop = {"\u20ac"};
  const Answer answer = engine.answer_to(std::move(asked));
  EXPECT_EQ(answer.text, "x");
  EXPECT_EQ(answer.tokens, byte_tokens("x\u20ac"));
  EXPECT_EQ(answer.finish, FinishReason::stop);
}

TEST(EngineText, GivesHeldTextBackWhenTheAnswerEndsOtherwise) {
  auto engine = saying(bytes_then_end("ab<st"));
  Request asked = request({kPrompt}, -1);
  asked.stop = {"<stop>"};
  EXPECT_EQ(engine.answer_to(std::move(asked)).text, "ab<st");
}

// Log-probabilities of a row whose logits are ln(1), ln(2), ... up to a constant.
FakeModel weights_model(std::map<TokenId, double> weights) {
  return [weights = std::move(weights)](std::span<const TokenId>, std::span<float> logits) {
    for (float& logit : logits) logit = -1000;
    for (const auto& [token, weight] : weights) {
      logits[static_cast<size_t>(token)] = static_cast<float>(std::log(weight) + 3);
    }
  };
}

void expect_logprobs(SamplingOptions sampling, backend::Want want) {
  FakeConfig config;
  config.model = weights_model({{10, 1}, {20, 5}, {30, 2}, {40, 2}});
  TestEngine engine(config, {.context_length = 64, .max_rows = 16});
  Request asked = request({kPrompt}, 1, std::move(sampling));
  asked.logprobs = 3;
  const Answer answer = engine.answer_to(std::move(asked));
  EXPECT_EQ(engine.fake().wants, std::vector{want});
  ASSERT_EQ(answer.generated.size(), 1U);
  const GeneratedToken& token = answer.generated[0];
  const std::map<TokenId, double> p = {{10, 0.1}, {20, 0.5}, {30, 0.2}, {40, 0.2}};
  EXPECT_NEAR(token.logprob, std::log(p.at(token.token)), 1e-6);
  ASSERT_EQ(token.top.size(), 3U);
  const std::vector<TokenId> best = {20, 30, 40};  // equal ones by id
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(token.top[i].token, best[i]);
    EXPECT_NEAR(token.top[i].logprob, std::log(p.at(best[i])), 1e-6);
  }
}

TEST(EngineLogprobs, ComeFromTopKWhenGreedy) { expect_logprobs(greedy(), backend::Want::top_k); }

TEST(EngineLogprobs, AreOfTheRawLogitsWhateverTheSamplerDoes) {
  SamplingOptions sampling = greedy();
  sampling.logit_bias = {{20, -std::numeric_limits<float>::infinity()}, {10, 9.0F}};
  expect_logprobs(sampling, backend::Want::logits);  // chooses 10, which is not among the best
}

TEST(EngineLogprobs, GiveTheTokensOwnWithZeroBest) {
  FakeConfig config;
  config.model = weights_model({{10, 1}, {20, 3}});
  TestEngine engine(config, {.context_length = 64, .max_rows = 16});
  Request asked = request({kPrompt}, 1);
  asked.logprobs = 0;
  const Answer answer = engine.answer_to(std::move(asked));
  EXPECT_NEAR(answer.generated.at(0).logprob, std::log(0.75), 1e-6);
  EXPECT_TRUE(answer.generated.at(0).top.empty());
}

TEST(EngineWants, AreTheLeastThatIsNeeded) {
  FakeConfig config;
  TestEngine engine(config, {.context_length = 64, .max_rows = 16});
  engine.answer_to(request({1, 2, 3}, 2));
  EXPECT_EQ(engine.fake().wants, (std::vector{backend::Want::argmax, backend::Want::argmax}));
  engine.fake().wants.clear();
  engine.answer_to(request({1, 2, 3}, 1, SamplingOptions{}));
  EXPECT_EQ(engine.fake().wants, std::vector{backend::Want::logits});
}

}  // namespace
}  // namespace ix::engine::test
