// Conformance: what an executor refuses, and what it says of itself.
#include <functional>
#include <limits>

#include "backend/conformance.h"

namespace ix::testing {
namespace {

using backend::BlockId;
using backend::ExecutorOptions;
using backend::kNoBlock;
using backend::RowWant;

TEST_P(Conformance, ABadCopyIsRefused) {
  auto executor = open();
  if (!executor->kv().can_copy) return;
  const BlockId blocks = executor->kv().groups[0].blocks;
  const auto copy = [&](int32_t group, std::vector<BlockId> from, std::vector<BlockId> to) {
    return executor->copy_kv(group, from, to).code();
  };
  EXPECT_EQ(copy(0, {0}, {1}), StatusCode::ok);
  EXPECT_EQ(copy(0, {}, {}), StatusCode::ok);
  EXPECT_EQ(copy(0, {0}, {blocks}), StatusCode::invalid_argument);
  EXPECT_EQ(copy(0, {kNoBlock}, {0}), StatusCode::invalid_argument);
  EXPECT_EQ(copy(0, {0, 1}, {2}), StatusCode::invalid_argument);
  EXPECT_EQ(copy(-1, {0}, {1}), StatusCode::invalid_argument);
  EXPECT_EQ(copy(static_cast<int32_t>(executor->kv().groups.size()), {0}, {1}),
            StatusCode::invalid_argument);
}

TEST_P(Conformance, ABadStepIsRefusedAndChangesNothing) {
  const auto prompt = tokens(20, 91);
  const Logits alone = run_alone(prompt);
  auto executor = open(2, 32);
  Session session(*executor);
  Sequence sequence = session.start();
  Logits logits = session.run(sequence, {prompt.begin(), prompt.begin() + 10}, 10);
  session.cover(sequence, 200);

  // One good step of two rows, spoiled in every way that submit() must notice.
  struct Step {
    std::vector<TokenId> tokens = {1, 2};
    std::vector<RowWant> wants = {kWantNothing, kWantLogits};
    std::vector<std::vector<BlockId>> tables;
    backend::SequenceRows rows{.first_row = 0, .rows = 2, .start = 10, .block_tables = {}};
  };
  const auto vocab = static_cast<TokenId>(model_->decoder.vocab_size);
  const auto blocks = executor->kv().groups[0].blocks;
  using Spoil = std::function<void(Step&)>;
  const std::vector<std::pair<std::string, Spoil>> cases = {
      {"token too large", [&](Step& s) { s.tokens[1] = vocab; }},
      {"token negative", [](Step& s) { s.tokens[0] = -1; }},
      {"no rows",
       [](Step& s) {
         s = {{}, {}, s.tables, {0, 0, 10, {}}};
       }},
      {"rows beyond the tokens", [](Step& s) { s.rows.rows = 3; }},
      {"rows short of the tokens", [](Step& s) { s.rows.rows = 1; }},
      {"negative rows", [](Step& s) { s.rows.rows = -2; }},
      {"wrong first row", [](Step& s) { s.rows.first_row = 1; }},
      {"negative start", [](Step& s) { s.rows.start = -1; }},
      {"start beyond the table", [](Step& s) { s.rows.start = 5000; }},
      {"start that wraps", [](Step& s) { s.rows.start = std::numeric_limits<Position>::max(); }},
      {"too few wants", [](Step& s) { s.wants.pop_back(); }},
      {"too many wants", [](Step& s) { s.wants.push_back(kWantNothing); }},
      {"top 0", [](Step& s) { s.wants[1] = want_top(0); }},
      {"top 257", [](Step& s) { s.wants[1] = want_top(257); }},
      {"top negative", [](Step& s) { s.wants[0] = want_top(-5); }},
      {"block beyond the pool", [&](Step& s) { s.tables[0][0] = blocks; }},
      {"block negative", [](Step& s) { s.tables[0][0] = -2; }},
      {"no block where rows go", [](Step& s) { s.tables[0][0] = kNoBlock; }},
      {"short table", [](Step& s) { s.tables[0].clear(); }},
      {"a table missing", [](Step& s) { s.tables.pop_back(); }},
      {"a table too many", [](Step& s) { s.tables.push_back(s.tables[0]); }},
      {"too many rows",
       [](Step& s) {
         s.tokens.assign(33, 1);
         s.wants.assign(33, kWantNothing);
         s.rows.rows = 33;
       }},
  };
  for (const auto& [name, spoil] : cases) {
    Step step;
    step.tables = sequence.tables;
    spoil(step);
    const std::vector<std::span<const BlockId>> tables(step.tables.begin(), step.tables.end());
    step.rows.block_tables = tables;
    const auto ticket = executor->submit(
        {.tokens = step.tokens, .sequences = std::span(&step.rows, 1), .wants = step.wants});
    ASSERT_FALSE(ticket.ok()) << name;
    EXPECT_EQ(ticket.status().code(), StatusCode::invalid_argument) << name;
    EXPECT_FALSE(ticket.status().message().empty()) << name;
    EXPECT_EQ(executor->health().state, backend::HealthState::ok) << name;
  }
  for (auto& row : session.run(sequence, {prompt.begin() + 10, prompt.end()}, 10)) {
    logits.push_back(std::move(row));
  }
  expect_same(logits, alone, "after refused steps");
}

TEST_P(Conformance, ATicketIsWaitedForOnce) {
  auto executor = open();
  EXPECT_FALSE(executor->wait(1, backend::kNoDeadline).ok());
  Session session(*executor);
  Sequence sequence = session.start();
  session.cover(sequence, 1);
  const std::vector<std::span<const BlockId>> tables(sequence.tables.begin(),
                                                     sequence.tables.end());
  const std::vector<TokenId> one = {3};
  const std::vector<RowWant> wants = {kWantArgmax};
  const backend::SequenceRows rows{.first_row = 0, .rows = 1, .start = 0, .block_tables = tables};
  const auto ticket =
      executor->submit({.tokens = one, .sequences = std::span(&rows, 1), .wants = wants});
  ASSERT_TRUE(ticket.ok());
  EXPECT_FALSE(executor->wait(*ticket + 1, backend::kNoDeadline).ok());
  const auto output = executor->wait(*ticket, backend::kNoDeadline);
  ASSERT_TRUE(output.ok());
  EXPECT_EQ(output->rows.size(), 1U);
  EXPECT_FALSE(executor->wait(*ticket, backend::kNoDeadline).ok());
}

TEST_P(Conformance, KvHoldsWhatTheOptionsAskFor) {
  auto executor = open(1, 32, 1000, 3);
  const backend::KvInfo& kv = executor->kv();
  ASSERT_GE(kv.tokens_per_block, 1);
  ASSERT_EQ(kv.groups.size(), model_->decoder.kv_groups.size());
  EXPECT_GT(kv.bytes_per_token, 0);
  for (size_t group = 0; group < kv.groups.size(); ++group) {
    EXPECT_EQ(kv.groups[group].window, model_->decoder.kv_groups[group].window);
    const int64_t tokens = int64_t{kv.groups[group].blocks} * kv.tokens_per_block;
    EXPECT_GE(tokens, kv.groups[group].window == 0 ? 1000 : 3 * (kv.groups[group].window + 31));
  }
  EXPECT_FALSE(executor->description().empty());
}

TEST_P(Conformance, BadOptionsAreRefused) {
  const std::vector<ExecutorOptions> bad = {
      {.threads = -1}, {.max_rows = 0}, {.kv_tokens = 0}, {.kv_tokens = -5}, {.max_sequences = 0}};
  for (const ExecutorOptions& options : bad) {
    const auto executor = backend_.open(model_->decoder, model_->weights, options);
    ASSERT_FALSE(executor.ok());
    EXPECT_EQ(executor.status().code(), StatusCode::invalid_argument);
  }
}

TEST_P(Conformance, AMissingTensorIsNamed) {
  graph::Decoder decoder = model_->decoder;
  for (graph::Op& op : decoder.ops) {
    if (auto* linear = std::get_if<graph::Linear>(&op)) linear->weight = "not.there";
  }
  const auto executor = backend_.open(decoder, model_->weights, ExecutorOptions{});
  ASSERT_FALSE(executor.ok());
  EXPECT_NE(executor.status().message().find("not.there"), std::string::npos)
      << executor.status().message();
}

}  // namespace
}  // namespace ix::testing
