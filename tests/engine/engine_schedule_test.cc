// Which rows run when: order, chunks, KV blocks, independence of what else runs.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <numeric>

#include "engine/engine_fixture.h"

namespace ix::engine::test {
namespace {

std::vector<TokenId> prompt_of(int tokens, int start = 10) {
  std::vector<TokenId> out(static_cast<size_t>(tokens));
  std::iota(out.begin(), out.end(), start);
  return out;
}

// What the hashed model says greedily, without an engine.
std::vector<TokenId> greedy_continuation(std::vector<TokenId> tokens, int count, int vocab) {
  const FakeModel model = hashed_model();
  std::vector<TokenId> out;
  std::vector<float> logits(static_cast<size_t>(vocab));
  for (int i = 0; i < count; ++i) {
    model(tokens, logits);
    const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
    tokens.push_back(static_cast<TokenId>(best));
    out.push_back(tokens.back());
    if (tokens.back() == kEnd) break;
  }
  return out;
}

using Pieces = std::vector<std::pair<Position, int32_t>>;

std::vector<Pieces> steps_of(const FakeExecutor& fake) {
  std::vector<Pieces> out;
  for (const auto& step : fake.steps) {
    out.emplace_back();
    for (const auto& piece : step) out.back().emplace_back(piece.start, piece.rows);
  }
  return out;
}

Request endless(std::vector<TokenId> prompt, int64_t max_tokens) {
  Request out = request(std::move(prompt), max_tokens);
  out.ignore_end_tokens = true;
  return out;
}

TEST(EngineSchedule, CutsPromptsIntoChunks) {
  TestEngine engine({}, {.context_length = 64, .max_sequences = 1, .max_rows = 8});
  engine.answer_to(endless(prompt_of(20), 3));
  EXPECT_EQ(steps_of(engine.fake()),
            (std::vector<Pieces>{{{0, 8}}, {{8, 8}}, {{16, 4}}, {{20, 1}}, {{21, 1}}}));
}

TEST(EngineSchedule, PutsDecodeRowsFirstAndFillsUpWithPrompts) {
  TestEngine engine({}, {.context_length = 64, .max_sequences = 3, .max_rows = 8});
  engine.submit(endless(prompt_of(3), 5));
  engine.step();
  engine.submit(endless(prompt_of(10), 2));
  engine.submit(endless(prompt_of(4), 2));
  engine.run();
  EXPECT_EQ(steps_of(engine.fake()), (std::vector<Pieces>{{{0, 3}},
                                                          {{3, 1}, {0, 7}},
                                                          {{4, 1}, {7, 3}, {0, 4}},
                                                          {{5, 1}, {10, 1}, {4, 1}},
                                                          {{6, 1}}}));
}

TEST(EngineSchedule, RunsNoMoreSequencesThanAllowed) {
  TestEngine engine({}, {.context_length = 64, .max_sequences = 2, .max_rows = 16});
  for (int i = 0; i < 5; ++i) engine.submit(endless(prompt_of(2), 3));
  engine.run();
  for (const auto& step : engine.fake().steps) EXPECT_LE(step.size(), 2U);
  EXPECT_EQ(engine.answers.size(), 5U);
}

TEST(EngineSchedule, HoldsARequestUntilItsBlocksFitAndThoseBehindIt) {
  FakeConfig config;
  config.groups = {{.window = 0, .blocks = 8}};  // 32 tokens
  TestEngine engine(config, {.context_length = 32, .max_sequences = 4, .max_rows = 16});
  const RequestId first = engine.submit(endless(prompt_of(10), 6));   // 4 blocks
  const RequestId second = engine.submit(endless(prompt_of(20), 4));  // 6 blocks: must wait
  const RequestId third = engine.submit(endless(prompt_of(2), 2));    // 1 block: keeps its turn
  while (!engine.answers[first].finish) {
    engine.step();
    EXPECT_TRUE(engine.answers[second].tokens.empty());
    EXPECT_TRUE(engine.answers[third].tokens.empty());
  }
  engine.run();
  EXPECT_EQ(engine.answers[second].tokens.size(), 4U);
  EXPECT_EQ(engine.answers[third].tokens.size(), 2U);
}

TEST(EngineSchedule, RunsALongSequenceInASmallWindowedPool) {
  FakeConfig config;
  config.groups = {{.window = 0, .blocks = 32}, {.window = 6, .blocks = 4}};
  TestEngine engine(config, {.context_length = 128, .max_sequences = 1, .max_rows = 16});
  const Answer answer = engine.answer_to(endless(prompt_of(60), 60));
  EXPECT_EQ(answer.tokens.size(), 60U);
  // 4 blocks of 4 hold 6 - 1 + 7 positions that begin anywhere.
  for (const auto& step : engine.fake().steps) EXPECT_LE(step.front().rows, 7);
}

// The greedy answer is the model's, whatever the chunks, windows, pools and other requests.
TEST(EngineSchedule, GivesEveryRequestTheAnswerItHasAlone) {
  const bool holds = rc::check("answers do not depend on the batch", [] {
    FakeConfig config;
    const int max_rows = *rc::gen::inRange(1, 20);
    const int sequences = *rc::gen::inRange(1, 6);
    config.tokens_per_block = *rc::gen::inRange(1, 6);
    const int context_blocks = 48 / config.tokens_per_block + 1;
    config.groups = {
        {.window = 0, .blocks = context_blocks * *rc::gen::inRange(1, 3)},
        {.window = *rc::gen::inRange(1, 60),
         .blocks = context_blocks * *rc::gen::inRange(1, 3) + *rc::gen::inRange(0, 60)}};
    TestEngine engine(config,
                      {.context_length = 48, .max_sequences = sequences, .max_rows = max_rows});
    std::vector<std::pair<RequestId, std::vector<TokenId>>> expected;
    const int requests = *rc::gen::inRange(1, 10);
    for (int i = 0; i < requests; ++i) {
      const auto prompt = prompt_of(*rc::gen::inRange(1, 40), *rc::gen::inRange(3, 200));
      const int tokens = *rc::gen::inRange(1, 9);
      expected.emplace_back(engine.submit(request(prompt, tokens)),
                            greedy_continuation(prompt, tokens, kFirstPiece));
      const int steps = *rc::gen::inRange(0, 4);
      for (int s = 0; s < steps; ++s) engine.step();
    }
    engine.run();
    RC_ASSERT(engine.fake().violations.empty());
    for (const auto& [id, tokens] : expected) {
      RC_ASSERT(engine.answers[id].finish.has_value());
      RC_ASSERT(engine.answers[id].tokens == tokens);
    }
    // All blocks are back: the whole context fits again.
    const RequestId last = engine.submit(endless(prompt_of(40), 8));
    engine.run();
    RC_ASSERT(engine.answers[last].tokens.size() == 8U);
  });
  EXPECT_TRUE(holds);
}

TEST(EngineSchedule, SamplesTheSameAloneAndInABatch) {
  SamplingOptions sampling;
  sampling.temperature = 1.2F;
  sampling.repeat_penalty = 1.1F;
  sampling.seed = 7;
  const auto ask = [&](int i) {
    Request out = request(prompt_of(5 + i, 20), 20, sampling);
    out.ignore_end_tokens = true;
    return out;
  };
  std::vector<std::vector<TokenId>> alone;
  for (int i = 0; i < 4; ++i) {
    TestEngine engine({}, {.context_length = 64, .max_sequences = 1, .max_rows = 16});
    alone.push_back(engine.answer_to(ask(i)).tokens);
    EXPECT_EQ(alone.back().size(), 20U);
  }
  TestEngine engine({}, {.context_length = 64, .max_sequences = 3, .max_rows = 7});
  std::vector<RequestId> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(engine.submit(ask(i)));
  engine.run();
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(engine.answers[ids[i]].tokens, alone[i]) << i;
}

}  // namespace
}  // namespace ix::engine::test
