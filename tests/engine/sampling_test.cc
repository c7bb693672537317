#include "engine/sampling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <vector>

namespace ix::engine {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

SamplingOptions everything_off() {
  SamplingOptions options;
  options.temperature = 1;
  options.top_k = 0;
  options.top_p = 1;
  options.min_p = 0;
  return options;
}

// The distribution that the options describe, worked out step by step on probabilities in double:
// token -> probability.
std::map<TokenId, double> expected_distribution(const SamplingOptions& options,
                                                std::vector<double> logits,
                                                const std::vector<TokenId>& history) {
  for (const auto& [token, bias] : options.logit_bias) logits[size_t(token)] += bias;
  std::map<TokenId, int> counts;
  const size_t back = options.penalty_last_n < 0
                          ? history.size()
                          : std::min(history.size(), size_t(options.penalty_last_n));
  for (size_t i = history.size() - back; i < history.size(); ++i) ++counts[history[i]];
  for (const auto& [token, count] : counts) {
    double& l = logits[size_t(token)];
    l = l <= 0 ? l * options.repeat_penalty : l / options.repeat_penalty;
    l -= count * double{options.frequency_penalty} + double{options.presence_penalty};
  }
  std::vector<std::pair<double, TokenId>> left;
  for (size_t i = 0; i < logits.size(); ++i) left.emplace_back(logits[i], TokenId(i));
  const auto by_logit = [](const auto& a, const auto& b) { return a.first > b.first; };
  std::stable_sort(left.begin(), left.end(), by_logit);
  if (options.top_k > 0) left.resize(std::min(left.size(), size_t(options.top_k)));
  const auto probabilities = [&left](double temperature) {
    std::vector<double> p;
    double best = -kInf;
    for (const auto& [l, token] : left) best = std::max(best, l);
    for (const auto& [l, token] : left) p.push_back(std::exp((l - best) / temperature));
    const double sum = std::accumulate(p.begin(), p.end(), 0.0);
    for (double& x : p) x /= sum;
    return p;
  };
  if (options.typical_p < 1) {
    const auto p = probabilities(1);
    double entropy = 0;
    for (const double x : p) entropy -= x > 0 ? x * std::log(x) : 0;
    std::vector<size_t> order(p.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return std::abs(-std::log(p[a]) - entropy) < std::abs(-std::log(p[b]) - entropy);
    });
    std::vector<std::pair<double, TokenId>> kept;
    double sum = 0;
    for (const size_t i : order) {
      kept.push_back(left[i]);
      sum += p[i];
      if (sum > options.typical_p) break;
    }
    left = kept;
    std::stable_sort(left.begin(), left.end(), by_logit);
  }
  if (options.top_p < 1) {
    const auto p = probabilities(1);
    double sum = 0;
    size_t keep = 0;
    while (keep < p.size()) {
      sum += p[keep++];
      if (sum >= options.top_p) break;
    }
    left.resize(keep);
  }
  if (options.min_p > 0) {
    const auto p = probabilities(1);
    size_t keep = 0;
    while (keep < p.size() && p[keep] >= options.min_p * p[0]) ++keep;
    left.resize(keep);
  }
  std::map<TokenId, double> out;
  const auto p = probabilities(options.temperature);
  for (size_t i = 0; i < left.size(); ++i) out[left[i].second] = p[i];
  return out;
}

std::vector<float> random_logits(uint32_t seed, size_t vocab) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0, 2);
  std::vector<float> out(vocab);
  for (float& logit : out) logit = normal(generator);
  return out;
}

// Draws at many positions agree with the expected distribution: nothing outside it, and a
// chi-square below a bound that random draws pass once in a million.
void expect_distribution(const SamplingOptions& options, const std::vector<float>& logits,
                         const std::vector<TokenId>& history) {
  const auto expected =
      expected_distribution(options, std::vector<double>(logits.begin(), logits.end()), history);
  Sampler sampler(options);
  constexpr int kDraws = 4000;
  std::map<TokenId, int> counts;
  for (int i = 0; i < kDraws; ++i) ++counts[sampler.sample(logits, history, i)];
  double chi_square = 0;
  double rest_expected = 0;  // tokens expected fewer than 5 times are one bin
  double rest_seen = 0;
  int bins = 0;
  for (const auto& [token, count] : counts) {
    ASSERT_TRUE(expected.contains(token)) << "token " << token << " should not be possible";
  }
  for (const auto& [token, p] : expected) {
    if (p * kDraws < 5) {
      rest_expected += p * kDraws;
      rest_seen += counts[token];
      continue;
    }
    chi_square += std::pow(counts[token] - p * kDraws, 2) / (p * kDraws);
    ++bins;
  }
  if (rest_expected >= 5) {
    chi_square += std::pow(rest_seen - rest_expected, 2) / rest_expected;
    ++bins;
  }
  // Wilson-Hilferty: the quantile of chi-square at z = 4.75 (one in a million).
  const double k = std::max(1, bins - 1);
  const double bound = k * std::pow(1 - 2 / (9 * k) + 4.75 * std::sqrt(2 / (9 * k)), 3);
  EXPECT_LT(chi_square, bound);
}

TEST(Sampler, DrawsFromTheSoftmax) {
  expect_distribution(everything_off(), random_logits(1, 30), {});
}

TEST(Sampler, FollowsEachOptionAlone) {
  for (uint32_t seed = 0; seed < 8; ++seed) {
    const auto logits = random_logits(100 + seed, 40);
    SamplingOptions options = everything_off();
    options.seed = seed;
    options.temperature = 0.5F + 0.25F * static_cast<float>(seed);
    expect_distribution(options, logits, {});
    options = everything_off();
    options.top_k = 1 + static_cast<int32_t>(seed) * 3;
    expect_distribution(options, logits, {});
    options = everything_off();
    options.typical_p = 0.2F + 0.1F * static_cast<float>(seed);
    expect_distribution(options, logits, {});
    options = everything_off();
    options.top_p = 0.2F + 0.1F * static_cast<float>(seed);
    expect_distribution(options, logits, {});
    options = everything_off();
    options.min_p = 0.05F + 0.1F * static_cast<float>(seed);
    expect_distribution(options, logits, {});
    options = everything_off();
    options.repeat_penalty = 1.3F;
    options.frequency_penalty = 0.3F;
    options.presence_penalty = -0.2F;
    options.penalty_last_n = static_cast<int32_t>(seed) - 1;
    expect_distribution(options, logits, {3, 5, 3, 7, 3, 5, 9});
  }
}

TEST(Sampler, FollowsOptionsTogetherInTheirOrder) {
  for (uint32_t seed = 0; seed < 12; ++seed) {
    std::mt19937 generator(seed);
    const auto pick = [&](float low, float high) {
      return std::uniform_real_distribution<float>(low, high)(generator);
    };
    SamplingOptions options;
    options.seed = seed;
    options.temperature = pick(0.3F, 2);
    options.top_k = static_cast<int32_t>(pick(0, 60));
    options.typical_p = pick(0.5F, 1.1F);
    options.typical_p = std::min(options.typical_p, 1.0F);
    options.top_p = pick(0.5F, 1);
    options.min_p = pick(0, 0.2F);
    options.repeat_penalty = pick(0.8F, 1.5F);
    options.frequency_penalty = pick(-0.5F, 0.5F);
    options.presence_penalty = pick(-0.5F, 0.5F);
    options.logit_bias = {{4, 3.0F}, {5, -kInf}, {6, -2.0F}};
    expect_distribution(options, random_logits(200 + seed, 50), {1, 2, 2, 3, 4, 5, 5, 5});
  }
}

// Above this many candidates top-p sorts a first part before it sorts all.
TEST(Sampler, KeepsTheTopPOfAWideFlatDistribution) {
  std::vector<float> logits = random_logits(5, 600);
  for (float& logit : logits) logit *= 0.01F;
  SamplingOptions options = everything_off();
  options.top_p = 0.5F;  // about 300 tokens
  const auto expected =
      expected_distribution(options, std::vector<double>(logits.begin(), logits.end()), {});
  ASSERT_GT(expected.size(), 256U);
  Sampler sampler(options);
  std::map<TokenId, int> counts;
  for (int i = 0; i < 6'000; ++i) ++counts[sampler.sample(logits, {}, i)];
  for (const auto& [token, count] : counts) EXPECT_TRUE(expected.contains(token));
  EXPECT_EQ(counts.size(), expected.size());  // 20 draws a token: one is missing once in 10^6
}

TEST(Sampler, IsGreedyAtTemperatureZero) {
  SamplingOptions options;
  options.temperature = 0;
  Sampler sampler(options);
  EXPECT_EQ(sampler.sample(std::vector<float>{1, 3, 2}, {}, 0), 1);
  EXPECT_EQ(sampler.sample(std::vector<float>{1, 3, 3}, {}, 0), 1);  // smaller id of equals
}

TEST(Sampler, AppliesBiasAndPenaltiesBeforeGreedy) {
  SamplingOptions options;
  options.temperature = 0;
  options.logit_bias = {{1, -kInf}};
  EXPECT_EQ(Sampler(options).sample(std::vector<float>{1, 3, 2}, {}, 0), 2);
  options.logit_bias.clear();
  options.repeat_penalty = 4;
  EXPECT_EQ(Sampler(options).sample(std::vector<float>{1, 3, 2}, std::vector<TokenId>{1}, 0), 2);
}

TEST(Sampler, SurvivesLogitsThatAreNotNumbers) {
  Sampler sampler(everything_off());
  EXPECT_EQ(sampler.sample(std::vector<float>{kNan, -kInf, 1, kNan}, {}, 0), 2);
  EXPECT_EQ(sampler.sample(std::vector<float>{0, kInf, 1}, {}, 0), 1);
  EXPECT_EQ(sampler.sample(std::vector<float>{kNan, -kInf, kNan}, {}, 0), kNoToken);
  SamplingOptions all;
  all.typical_p = 0.5F;
  EXPECT_EQ(Sampler(all).sample(std::vector<float>{kNan, kInf, 1, -kInf}, {}, 0), 1);
}

TEST(Sampler, SurvivesATinyTemperature) {
  SamplingOptions options = everything_off();
  options.temperature = std::numeric_limits<float>::min();
  EXPECT_EQ(Sampler(options).sample(std::vector<float>{5, 9, 7}, {}, 0), 1);
}

TEST(Sampler, DrawsTheSameForTheSameSeedAndPosition) {
  SamplingOptions options;
  options.seed = 99;
  const auto logits = random_logits(3, 100);
  Sampler first(options);
  Sampler second(options);
  std::vector<TokenId> forwards;
  std::vector<TokenId> backwards;
  for (int i = 0; i < 100; ++i) forwards.push_back(first.sample(logits, {}, i));
  for (int i = 99; i >= 0; --i) backwards.push_back(second.sample(logits, {}, i));
  std::reverse(backwards.begin(), backwards.end());
  EXPECT_EQ(forwards, backwards);
  options.seed = 100;
  Sampler other(options);
  std::vector<TokenId> differs;
  for (int i = 0; i < 100; ++i) differs.push_back(other.sample(logits, {}, i));
  EXPECT_NE(forwards, differs);
}

TEST(NeedsOnlyArgmax, IsTrueOnlyWhenNothingChangesTheOrder) {
  SamplingOptions options;
  options.temperature = 0;
  EXPECT_TRUE(needs_only_argmax(options));
  const auto refuses = [](auto change) {
    SamplingOptions changed;
    changed.temperature = 0;
    change(changed);
    return !needs_only_argmax(changed);
  };
  EXPECT_TRUE(refuses([](auto& o) { o.temperature = 0.1F; }));
  EXPECT_TRUE(refuses([](auto& o) { o.repeat_penalty = 1.1F; }));
  EXPECT_TRUE(refuses([](auto& o) { o.presence_penalty = 0.1F; }));
  EXPECT_TRUE(refuses([](auto& o) { o.frequency_penalty = 0.1F; }));
  EXPECT_TRUE(refuses([](auto& o) { o.logit_bias = {{1, 1.0F}}; }));
  EXPECT_TRUE(refuses([](auto& o) { o.typical_p = 0.5F; }));
  options.repeat_penalty = 2;
  options.penalty_last_n = 0;
  EXPECT_TRUE(needs_only_argmax(options));
}

TEST(ValidateSampling, NamesTheFieldAndWhatIsAllowed) {
  const auto message = [](auto change) {
    SamplingOptions options;
    change(options);
    return validate(options, 10).message();
  };
  EXPECT_EQ(message([](auto&) {}), "");
  EXPECT_EQ(message([](auto& o) { o.temperature = kNan; }),
            "temperature is nan, but must be 0 (greedy) or a positive number");
  EXPECT_EQ(message([](auto& o) { o.temperature = -1; }),
            "temperature is -1, but must be 0 (greedy) or a positive number");
  EXPECT_EQ(message([](auto& o) { o.temperature = kInf; }),
            "temperature is inf, but must be 0 (greedy) or a positive number");
  EXPECT_EQ(message([](auto& o) { o.top_p = 1.5F; }),
            "top_p is 1.5, but must be from 0 to 1 (off)");
  EXPECT_EQ(message([](auto& o) { o.min_p = -0.5F; }),
            "min_p is -0.5, but must be from 0 (off) to 1");
  EXPECT_EQ(message([](auto& o) { o.typical_p = kNan; }),
            "typical_p is nan, but must be from 0 to 1 (off)");
  EXPECT_EQ(message([](auto& o) { o.repeat_penalty = 0; }),
            "repeat_penalty is 0, but must be a positive number (1 = off)");
  EXPECT_EQ(message([](auto& o) { o.presence_penalty = kInf; }),
            "presence_penalty is inf, but must be a finite number (0 = off)");
  EXPECT_EQ(message([](auto& o) { o.frequency_penalty = kNan; }),
            "frequency_penalty is nan, but must be a finite number (0 = off)");
  EXPECT_EQ(message([](auto& o) { o.top_k = -1; }), "top_k is -1, but must be 0 (off) or more");
  EXPECT_EQ(message([](auto& o) { o.penalty_last_n = -2; }),
            "penalty_last_n is -2, but must be -1 (all) or more");
  EXPECT_EQ(message([](auto& o) {
              o.logit_bias = {{10, 1.0F}};
            }),
            "logit_bias names token 10, but the vocabulary has 10 tokens");
  EXPECT_EQ(message([](auto& o) {
              o.logit_bias = {{1, kInf}};
            }),
            "logit_bias of token 1 is inf, but must be finite or -inf");
  EXPECT_EQ(message([](auto& o) { o.logit_bias = {{1, -kInf}}; }), "");
}

}  // namespace
}  // namespace ix::engine
