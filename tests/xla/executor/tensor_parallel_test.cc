// Small models on 1 to 24 ranks in every weight form, against the graph's definition.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "backend/naive_decoder.h"
#include "backend/neuron_backends.h"
#include "backend/session.h"
#include "backend/small_models.h"
#include "backend/xla_backends.h"
#include "xla/pjrt/plugins.h"

namespace ix::testing {
namespace {

using backend::xla::WeightForm;
using backend::xla::XlaOptions;

using Logits = std::vector<std::vector<float>>;

// Root mean square of the errors as a part of the logits' own.
double error_of(const Logits& actual, const std::vector<std::vector<double>>& expected) {
  double squared_error = 0;
  double squared = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    for (size_t j = 0; j < expected[i].size(); ++j) {
      squared_error += std::pow(actual[i][j] - expected[i][j], 2);
      squared += std::pow(expected[i][j], 2);
    }
  }
  return std::sqrt(squared_error / squared);
}

double bound_of(WeightForm form) {
  switch (form) {
    case WeightForm::f32:
      return kXlaFloatError;
    case WeightForm::bf16:
    case WeightForm::f16:  // keys, values and the table of embeddings are bf16
    case WeightForm::q4:   // unpacked weights are those of bf16
      return kXlaBfloat16Error;
    case WeightForm::int8:
      // Steps of 1 / 127 of a column's largest weight, about 3 standard deviations: off by
      // 3 / 127 / sqrt(12) = 0.7 % of the weights' root mean square, three times what bfloat16 does
      // to weights and inputs together; the inputs' part stays.
      return 2.5 * kXlaBfloat16Error;
  }
  return 0;
}

XlaOptions options_of(WeightForm form) {
  XlaOptions options{.programs = {.chunk = 16}};
  options.weights.form = form;
  if (form == WeightForm::f32) options.programs.kv_type = backend::xla::hlo::ElementType::f32;
  return options;
}

// A prompt in chunks and then decode rows, beside another sequence.
Logits run(backend::Executor& executor, const std::vector<TokenId>& tokens) {
  Session session(executor);
  Sequence other = session.start();
  session.run(other, {tokens[3], tokens[2], tokens[1]}, 3);
  Sequence sequence = session.start();
  Logits logits = session.run(sequence, {tokens.begin(), tokens.begin() + 20}, 20);
  for (auto token = tokens.begin() + 20; token != tokens.end(); ++token) {
    auto rows =
        session.step({{&other, {*token}}, {&sequence, {*token}}}, {kWantNothing, kWantLogits});
    logits.push_back(std::move(rows.front().logits));
  }
  return logits;
}

// The best tokens that the device finds are those of the logits that it gives.
void expect_best_tokens(backend::Executor& executor, const std::vector<TokenId>& tokens) {
  Session session(executor);
  const auto result = [&](backend::RowWant want) {
    Sequence sequence = session.start();
    RowCopy row = session.step({{&sequence, tokens}}, {want}).back();
    session.give_back(sequence);
    return row;
  };
  const std::vector<float> logits = result(kWantLogits).logits;
  std::vector<TokenId> order(logits.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<TokenId>(i);
  std::stable_sort(order.begin(), order.end(), [&](TokenId a, TokenId b) {
    return logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)];
  });
  EXPECT_EQ(result(kWantArgmax).argmax, order[0]);
  const RowCopy top = result(want_top(256));
  ASSERT_EQ(top.top.size(), std::min<size_t>(256, logits.size()));
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  EXPECT_NEAR(top.logsumexp, std::log(sum), 1e-5);
  for (size_t i = 0; i < top.top.size(); ++i) {
    ASSERT_EQ(top.top[i].token, order[i]) << "rank " << i;
    ASSERT_EQ(top.top[i].logit, logits[static_cast<size_t>(order[i])]) << "rank " << i;
  }
}

void expect_graphs_logits(const Backend& backend, double bound) {
  for (const auto& model : {make_uneven_model(), make_sliding_model(), make_fused_model()}) {
    SCOPED_TRACE(model->name);
    const auto executor =
        backend.open(model->decoder, model->weights,
                     {.threads = 1, .max_rows = 32, .kv_tokens = 80, .max_sequences = 2});
    ASSERT_TRUE(executor.ok()) << executor.status().message();
    const auto tokens = random_tokens(*model, 24, 5);
    const Logits actual = run(**executor, tokens);
    EXPECT_LE(error_of(actual, naive_logits(model->decoder, model->weights, tokens)), bound);
    expect_best_tokens(**executor, tokens);
  }
}

// Ranks and weights.
using TensorParallelCase = std::tuple<int, WeightForm>;

std::string case_name(const ::testing::TestParamInfo<TensorParallelCase>& item) {
  return "tp" + std::to_string(std::get<0>(item.param)) + "_" +
         std::string(backend::xla::to_text(std::get<1>(item.param)));
}

const auto kTensorParallelCases =
    ::testing::Combine(::testing::Values(1, 2, 4, 8, 12, 24),
                       ::testing::Values(WeightForm::f32, WeightForm::bf16, WeightForm::f16,
                                         WeightForm::int8, WeightForm::q4));

class TensorParallel : public ::testing::TestWithParam<TensorParallelCase> {};

TEST_P(TensorParallel, GivesTheGraphsLogits) {
  const auto [ranks, form] = GetParam();
  expect_graphs_logits(xla_backend("tp", cpu_plugins().back().path, ranks, options_of(form)),
                       bound_of(form));
}

INSTANTIATE_TEST_SUITE_P(All, TensorParallel, kTensorParallelCases, case_name);

class NeuronTensorParallel : public ::testing::TestWithParam<TensorParallelCase> {};

TEST_P(NeuronTensorParallel, GivesTheGraphsLogits) {
  const auto [ranks, form] = GetParam();
  expect_graphs_logits(neuron_backend("tp", ranks, options_of(form)), bound_of(form));
}

INSTANTIATE_TEST_SUITE_P(All, NeuronTensorParallel, kTensorParallelCases, case_name);

// Ranges of layers, embeddings from the host and padded single rows change nothing but roundings.
TEST(StaticExecutor, GivesTheSameLogitsHoweverItIsCut) {
  const auto model = make_sliding_model();
  const auto tokens = random_tokens(*model, 24, 6);
  const auto expected = naive_logits(model->decoder, model->weights, tokens);
  XlaOptions cut = options_of(WeightForm::f32);
  cut.programs.layers_per_program = 1;
  XlaOptions host = options_of(WeightForm::f32);
  host.weights.embed_on_host = true;
  XlaOptions padded = options_of(WeightForm::bf16);
  padded.target.pad_single_rows = true;
  XlaOptions drafts = options_of(WeightForm::f32);
  drafts.programs.draft_rows = 3;
  drafts.programs.head_rows = 5;
  drafts.programs.least_bucket = 8;
  drafts.load_ahead = true;
  for (const XlaOptions& options : {cut, host, padded, drafts}) {
    for (const int32_t sequences : {1, 2}) {
      const Backend backend = xla_backend("cut", cpu_plugins().front().path, 2, options);
      const auto executor = backend.open(
          model->decoder, model->weights,
          {.threads = 1, .max_rows = 32, .kv_tokens = 40 * sequences, .max_sequences = sequences});
      ASSERT_TRUE(executor.ok()) << executor.status().message();
      Session session(**executor);
      Sequence sequence = session.start();
      Logits actual = session.run(sequence, {tokens.begin(), tokens.begin() + 20}, 20);
      const int32_t rows = 1 + options.programs.draft_rows;
      for (auto& row : session.run(sequence, {tokens.begin() + 20, tokens.end()}, rows)) {
        actual.push_back(std::move(row));
      }
      EXPECT_LE(error_of(actual, expected), bound_of(options.weights.form));
    }
  }
}

// Rows up to the last position of a slot, in chunks that reach beyond it.
TEST(StaticExecutor, FillsASlotToItsEnd) {
  const auto model = make_uneven_model();
  const auto tokens = random_tokens(*model, 37, 7);
  const Backend backend =
      xla_backend("end", cpu_plugins().back().path, 1, options_of(WeightForm::f32));
  const auto executor =
      backend.open(model->decoder, model->weights,
                   {.threads = 1, .max_rows = 32, .kv_tokens = 74, .max_sequences = 2});
  ASSERT_TRUE(executor.ok()) << executor.status().message();
  ASSERT_EQ((*executor)->kv().tokens_per_block, 37);
  Session session(**executor);
  Sequence first = session.start();
  Sequence second = session.start();
  Logits actual = session.run(first, {tokens.begin(), tokens.begin() + 35}, 32);
  session.run(second, tokens, 30);
  for (auto& row : session.run(first, {tokens.begin() + 35, tokens.end()}, 2)) {
    actual.push_back(std::move(row));
  }
  EXPECT_LE(error_of(actual, naive_logits(model->decoder, model->weights, tokens)), kXlaFloatError);
}

}  // namespace
}  // namespace ix::testing
