// Conformance: what an executor computes.
#include "backend/conformance.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "backend/naive_decoder.h"

namespace ix::testing {
namespace {

using backend::kNoBlock;
using backend::RowWant;

bool is_quantised(const SmallModel& model) {
  return std::any_of(model.decoder.ops.begin(), model.decoder.ops.end(), [&](const graph::Op& op) {
    const auto* linear = std::get_if<graph::Linear>(&op);
    return linear != nullptr &&
           quant::find_traits(model.weights.find(linear->weight)->type)->block_weights > 1;
  });
}

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
    const int64_t window = executor->kv().groups[group].window;
    const int64_t passed = static_cast<int64_t>(prompt.size()) - window;
    const bool freed = window > 0 && passed > executor->kv().tokens_per_block;
    EXPECT_EQ(first.tables[group].front() == kNoBlock, freed) << "group " << group;
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
