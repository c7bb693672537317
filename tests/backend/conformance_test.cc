// What every backend must do, on small models with random weights. Each test runs on every backend
// of backends.cc and every model of small_models.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <random>

#include "backend/backends.h"
#include "backend/naive_decoder.h"
#include "backend/session.h"
#include "backend/small_models.h"

namespace ix::testing {
namespace {

using backend::BlockId;
using backend::ExecutorOptions;
using backend::kNoBlock;
using backend::RowWant;
using Logits = std::vector<std::vector<float>>;  // [tokens][vocab]

bool is_quantised(const SmallModel& model) {
  return std::any_of(model.decoder.ops.begin(), model.decoder.ops.end(), [&](const graph::Op& op) {
    const auto* linear = std::get_if<graph::Linear>(&op);
    return linear != nullptr &&
           quant::find_traits(model.weights.find(linear->weight)->type)->block_weights > 1;
  });
}

class Conformance : public ::testing::TestWithParam<std::tuple<int, int>> {
 protected:
  Conformance()
      : backend_(backends()[static_cast<size_t>(std::get<0>(GetParam()))]),
        model_(small_models()[static_cast<size_t>(std::get<1>(GetParam()))]) {}

  std::unique_ptr<backend::Executor> open(int threads = 2, int32_t max_rows = 64,
                                          int64_t kv_tokens = 512, int32_t max_sequences = 4) {
    auto executor = backend_.open(model_->decoder, model_->weights,
                                  ExecutorOptions{.threads = threads,
                                                  .max_rows = max_rows,
                                                  .kv_tokens = kv_tokens,
                                                  .max_sequences = max_sequences});
    EXPECT_TRUE(executor.ok()) << executor.status().message();
    return executor.ok() ? std::move(executor).value() : nullptr;
  }

  // Logits of a sequence that runs alone, in steps of `rows`.
  Logits run_alone(const std::vector<TokenId>& tokens, int rows = 64) {
    auto executor = open();
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

TEST_P(Conformance, LogitsAreThoseOfTheGraphsDefinition) {
  const auto prompt = tokens(50, 11);
  const Logits actual = run_alone(prompt);
  const auto expected = naive_logits(model_->decoder, model_->weights, prompt);
  double squared_error = 0;
  double squared = 0;
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    ASSERT_EQ(actual[i].size(), expected[i].size());
    for (size_t j = 0; j < actual[i].size(); ++j) {
      squared_error += std::pow(actual[i][j] - expected[i][j], 2);
      squared += std::pow(expected[i][j], 2);
    }
  }
  const double error = std::sqrt(squared_error / squared);
  EXPECT_LE(error, is_quantised(*model_) ? backend_.error_quantised : backend_.error_plain);
}

TEST_P(Conformance, ChunksOfAnySizeGiveTheSameLogits) {
  const auto prompt = tokens(64, 12);
  const Logits whole = run_alone(prompt, 64);
  for (const int rows : {1, 3, 16, 17, 33}) {
    expect_same(run_alone(prompt, rows), whole, "chunks of " + std::to_string(rows));
  }
}

TEST_P(Conformance, OtherRowsInTheStepChangeNothing) {
  std::vector<std::vector<TokenId>> prompts = {tokens(61, 21), tokens(37, 22), tokens(48, 23),
                                               tokens(5, 24)};
  std::vector<Logits> alone;
  for (const auto& prompt : prompts) alone.push_back(run_alone(prompt));
  for (uint32_t seed = 0; seed < 4; ++seed) {
    std::mt19937 random(seed);
    auto executor = open();
    Session session(*executor, BlockOrder::shuffled);
    std::vector<Sequence> sequences(prompts.size(), session.start());
    std::vector<Logits> mixed(prompts.size());
    const auto left = [&](size_t i) {
      return prompts[i].size() - static_cast<size_t>(sequences[i].next);
    };
    while (left(0) + left(1) + left(2) + left(3) > 0) {
      // Each sequence has no row, one decode row or a prefill chunk, in any order.
      std::vector<size_t> order(prompts.size());
      std::iota(order.begin(), order.end(), size_t{0});
      std::shuffle(order.begin(), order.end(), random);
      std::vector<Chunk> chunks;
      std::vector<size_t> owners;
      for (const size_t i : order) {
        const uint32_t kind = random() % 3;
        const size_t rows = std::min<size_t>(left(i), kind == 2 ? 1 + random() % 15 : kind);
        if (rows == 0) continue;
        const auto first = prompts[i].begin() + sequences[i].next;
        chunks.push_back({&sequences[i], {first, first + static_cast<ptrdiff_t>(rows)}});
        owners.insert(owners.end(), rows, i);
      }
      if (chunks.empty()) continue;
      for (RowCopy& row : session.step(chunks, {kWantLogits})) {
        mixed[owners[static_cast<size_t>(row.row)]].push_back(std::move(row.logits));
      }
    }
    for (size_t i = 0; i < prompts.size(); ++i) {
      expect_same(mixed[i], alone[i],
                  "seed " + std::to_string(seed) + ", sequence " + std::to_string(i));
    }
  }
}

TEST_P(Conformance, AnyNumberOfThreadsGivesTheSameBits) {
  const auto prompt = tokens(40, 31);
  Logits one;
  for (const int threads : {1, 2, 3, 4}) {
    auto executor = open(threads);
    Session session(*executor);
    Sequence sequence = session.start();
    Logits logits = session.run(sequence, {prompt.begin(), prompt.begin() + 33}, 33);
    const Logits decoded = session.run(sequence, {prompt.begin() + 33, prompt.end()}, 1);
    logits.insert(logits.end(), decoded.begin(), decoded.end());
    if (threads == 1) {
      one = logits;
    } else {
      expect_same(logits, one, std::to_string(threads) + " threads");
    }
  }
}

TEST_P(Conformance, BlockIdsInAnyOrderGiveTheSameLogits) {
  const auto prompt = tokens(64, 41);
  auto executor = open();
  Session session(*executor, BlockOrder::shuffled);
  Sequence sequence = session.start();
  expect_same(session.run(sequence, prompt, 9), run_alone(prompt, 64), "shuffled blocks");
}

TEST_P(Conformance, ArgmaxTopAndLogsumexpAgreeWithTheLogits) {
  const auto prompt = tokens(12, 51);
  const auto run = [&](RowWant want) {
    auto executor = open();
    Session session(*executor);
    Sequence sequence = session.start();
    return session.step({{&sequence, prompt}}, {want});
  };
  const auto full = run(kWantLogits);
  const auto best = run(kWantArgmax);
  const auto top = run(want_top(10));
  const auto all = run(want_top(256));
  const auto vocab = static_cast<size_t>(model_->decoder.vocab_size);
  ASSERT_EQ(full.size(), prompt.size());
  for (size_t i = 0; i < full.size(); ++i) {
    const std::vector<float>& logits = full[i].logits;
    ASSERT_EQ(logits.size(), vocab);
    std::vector<TokenId> order(vocab);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](TokenId a, TokenId b) {
      return logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)];
    });
    double sum = 0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
    for (const auto& result : {full[i], best[i], top[i], all[i]}) {
      EXPECT_EQ(result.argmax, order[0]);
      EXPECT_EQ(result.row, static_cast<int32_t>(i));
    }
    for (const auto& result : {full[i], top[i], all[i]}) {
      EXPECT_NEAR(result.logsumexp, std::log(sum), 1e-5);
    }
    ASSERT_EQ(top[i].top.size(), 10U);
    ASSERT_EQ(all[i].top.size(), std::min<size_t>(vocab, 256));
    for (const auto& result : {top[i], all[i]}) {
      for (size_t j = 0; j < result.top.size(); ++j) {
        EXPECT_EQ(result.top[j].token, order[j]) << "rank " << j;
        EXPECT_EQ(result.top[j].logit, logits[static_cast<size_t>(order[j])]) << "rank " << j;
      }
    }
    EXPECT_TRUE(best[i].logits.empty() && top[i].logits.empty() && full[i].top.empty());
  }
}

TEST_P(Conformance, OnlyRowsThatWantSomethingHaveResults) {
  const auto prompt = tokens(6, 52);
  const Logits alone = run_alone(prompt);
  auto executor = open();
  Session session(*executor);
  Sequence sequence = session.start();
  const auto results = session.step({{&sequence, prompt}}, {kWantNothing, kWantLogits, kWantNothing,
                                                            want_top(3), kWantArgmax, kWantLogits});
  ASSERT_EQ(results.size(), 4U);
  EXPECT_EQ(results[0].row, 1);
  EXPECT_EQ(results[1].row, 3);
  EXPECT_EQ(results[2].row, 4);
  EXPECT_EQ(results[3].row, 5);
  expect_same(results[0].logits, alone[1], "row 1");
  expect_same(results[3].logits, alone[5], "row 5");
  EXPECT_EQ(results[1].top.size(), 3U);

  // A step that wants nothing still fills the cache.
  Sequence quiet = session.start();
  EXPECT_TRUE(
      session.step({{&quiet, {prompt.begin(), prompt.begin() + 5}}}, {kWantNothing}).empty());
  expect_same(session.run(quiet, {prompt[5]}, 1)[0], alone[5], "after a step without wants");
}

TEST_P(Conformance, BlocksThatLeftTheWindowMayBeUsedByOthers) {
  // A pool for two sequences; the first goes far past its window, so that its freed blocks are
  // overwritten by a second one while it runs on.
  const auto prompt = tokens(150, 61);
  const auto other = tokens(150, 62);
  const Logits alone = run_alone(prompt, 50);
  auto executor = open(2, 16, 320, 2);
  Session session(*executor);
  Sequence first = session.start();
  Sequence second = session.start();
  Logits logits;
  for (size_t at = 0; at < prompt.size(); at += 10) {
    const auto part = [&](const std::vector<TokenId>& all) {
      return std::vector<TokenId>(all.begin() + static_cast<ptrdiff_t>(at),
                                  all.begin() + static_cast<ptrdiff_t>(at) + 10);
    };
    for (auto& row : session.run(first, part(prompt), 10)) logits.push_back(std::move(row));
    session.run(second, part(other), 5);
  }
  expect_same(logits, alone, "with freed blocks");
  for (size_t group = 0; group < first.tables.size(); ++group) {
    const bool windowed = executor->kv().groups[group].window > 0;
    EXPECT_EQ(first.tables[group].front() == kNoBlock, windowed) << "group " << group;
  }
}

TEST_P(Conformance, APrefixIsSharedByItsBlocks) {
  auto executor = open();
  if (!executor->kv().can_share) return;
  const int32_t block = executor->kv().tokens_per_block;
  const auto prompt = tokens(2 * block, 71);
  auto tail_a = tokens(9, 72);
  auto tail_b = tokens(20, 73);
  Session session(*executor);
  Sequence a = session.start();
  session.run(a, prompt, 64);
  Sequence b = a;  // the same two full blocks in both tables
  const auto with_prefix = [&](const std::vector<TokenId>& tail) {
    auto all = prompt;
    all.insert(all.end(), tail.begin(), tail.end());
    Logits logits = run_alone(all);
    return Logits(logits.begin() + static_cast<ptrdiff_t>(prompt.size()), logits.end());
  };
  Logits logits_a;
  Logits logits_b;
  session.cover(a, a.next + 1);
  session.cover(b, b.next + 1);
  for (const RowCopy& row : session.step({{&a, tail_a}, {&b, tail_b}}, {kWantLogits})) {
    (static_cast<size_t>(row.row) < tail_a.size() ? logits_a : logits_b).push_back(row.logits);
  }
  expect_same(logits_a, with_prefix(tail_a), "first");
  expect_same(logits_b, with_prefix(tail_b), "second");
}

TEST_P(Conformance, CopiedBlocksCarryTheirTokens) {
  auto executor = open();
  Session session(*executor);
  const auto prompt = tokens(21, 81);
  const auto tail = tokens(4, 82);
  Sequence original = session.start();
  session.run(original, prompt, 64);
  Sequence copy = session.start();
  session.cover(copy, original.next);
  copy.next = original.next;
  for (size_t group = 0; group < original.tables.size(); ++group) {
    const Status status =
        executor->copy_kv(static_cast<int32_t>(group), original.tables[group], copy.tables[group]);
    ASSERT_EQ(status.ok(), executor->kv().can_copy) << status.message();
    if (!status.ok()) {
      EXPECT_EQ(status.code(), StatusCode::unsupported);
    }
  }
  if (!executor->kv().can_copy) return;
  // What the original writes now is not seen by the copy.
  session.run(original, tokens(4, 83), 64);
  auto all = prompt;
  all.insert(all.end(), tail.begin(), tail.end());
  const Logits alone = run_alone(all);
  expect_same(session.run(copy, tail, 64), Logits(alone.end() - 4, alone.end()), "copy");
}

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

std::string case_name(const ::testing::TestParamInfo<std::tuple<int, int>>& info) {
  return backends()[static_cast<size_t>(std::get<0>(info.param))].name + "_" +
         small_models()[static_cast<size_t>(std::get<1>(info.param))]->name;
}

INSTANTIATE_TEST_SUITE_P(
    All, Conformance,
    ::testing::Combine(::testing::Range(0, static_cast<int>(backends().size())),
                       ::testing::Range(0, static_cast<int>(small_models().size()))),
    case_name);

}  // namespace
}  // namespace ix::testing
