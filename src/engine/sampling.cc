#include "engine/sampling.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "base/counter_rng.h"

namespace ix::engine {
namespace {

Status check_range(std::string_view name, float value, float low, float high,
                   std::string_view allowed) {
  if (value >= low && value <= high) return ok_status();  // false for NaN
  return invalid_argument(fmt::format("{} is {}, but must be {}", name, value, allowed));
}

bool penalties_off(const SamplingOptions& options) {
  return options.penalty_last_n == 0 ||
         (options.repeat_penalty == 1.0F && options.frequency_penalty == 0.0F &&
          options.presence_penalty == 0.0F);
}

}  // namespace

Status validate(const SamplingOptions& options, int64_t vocab_size) {
  constexpr float kMax = std::numeric_limits<float>::max();
  constexpr float kSmallest = std::numeric_limits<float>::min();
  IX_RETURN_IF_ERROR(
      check_range("temperature", options.temperature, 0, kMax, "0 (greedy) or a positive number"));
  IX_RETURN_IF_ERROR(check_range("typical_p", options.typical_p, 0, 1, "from 0 to 1 (off)"));
  IX_RETURN_IF_ERROR(check_range("top_p", options.top_p, 0, 1, "from 0 to 1 (off)"));
  IX_RETURN_IF_ERROR(check_range("min_p", options.min_p, 0, 1, "from 0 (off) to 1"));
  IX_RETURN_IF_ERROR(check_range("repeat_penalty", options.repeat_penalty, kSmallest, kMax,
                                 "a positive number (1 = off)"));
  IX_RETURN_IF_ERROR(check_range("frequency_penalty", options.frequency_penalty, -kMax, kMax,
                                 "a finite number (0 = off)"));
  IX_RETURN_IF_ERROR(check_range("presence_penalty", options.presence_penalty, -kMax, kMax,
                                 "a finite number (0 = off)"));
  if (options.top_k < 0) {
    return invalid_argument(fmt::format("top_k is {}, but must be 0 (off) or more", options.top_k));
  }
  if (options.penalty_last_n < -1) {
    return invalid_argument(
        fmt::format("penalty_last_n is {}, but must be -1 (all) or more", options.penalty_last_n));
  }
  for (const auto& [token, bias] : options.logit_bias) {
    if (token < 0 || token >= vocab_size) {
      return invalid_argument(fmt::format(
          "logit_bias names token {}, but the vocabulary has {} tokens", token, vocab_size));
    }
    if (!(bias <= kMax)) {
      return invalid_argument(
          fmt::format("logit_bias of token {} is {}, but must be finite or -inf", token, bias));
    }
  }
  return ok_status();
}

bool needs_only_argmax(const SamplingOptions& options) {
  return options.temperature == 0.0F && options.logit_bias.empty() && penalties_off(options) &&
         options.typical_p >= 1.0F;
}

Sampler::Sampler(const SamplingOptions& options) : options_(options) {}

void Sampler::reserve(int64_t tokens) {
  if (penalties_off(options_)) return;
  if (options_.penalty_last_n >= 0) tokens = std::min<int64_t>(tokens, options_.penalty_last_n);
  recent_.reserve(static_cast<size_t>(tokens));
}

TokenId Sampler::sample(std::span<const float> logits, std::span<const TokenId> history,
                        Position position) {
  const std::span<const float> adjusted = adjust(logits, history);
  const bool greedy = options_.temperature == 0.0F;
  if (greedy && options_.typical_p >= 1.0F) {
    // Only typical may drop the best token.
    select_top_k(adjusted, 1, candidates_);
    return candidates_.empty() ? kNoToken : candidates_.front().token;
  }
  const auto vocab = static_cast<int64_t>(adjusted.size());
  sorted_ = options_.top_k > 0 && options_.top_k < vocab;
  if (sorted_) {
    select_top_k(adjusted, options_.top_k, candidates_);
  } else {
    select_all(adjusted, candidates_);
  }
  if (candidates_.empty()) return kNoToken;
  keep_typical();
  if (greedy) return std::min_element(candidates_.begin(), candidates_.end(), better)->token;
  keep_top_p();
  keep_min_p();
  return draw(position);
}

std::span<const float> Sampler::adjust(std::span<const float> logits,
                                       std::span<const TokenId> history) {
  if (options_.logit_bias.empty() && penalties_off(options_)) return logits;
  adjusted_.assign(logits.begin(), logits.end());
  for (const auto& [token, bias] : options_.logit_bias) {
    adjusted_[static_cast<size_t>(token)] += bias;
  }
  if (!penalties_off(options_)) penalize(history);
  return adjusted_;
}

// A token that was seen loses probability once (repeat, presence) and for every time (frequency).
// A negative logit is multiplied, because dividing would raise it.
void Sampler::penalize(std::span<const TokenId> history) {
  const auto last_n = static_cast<size_t>(options_.penalty_last_n);
  if (options_.penalty_last_n >= 0 && history.size() > last_n) history = history.last(last_n);
  recent_.assign(history.begin(), history.end());
  std::sort(recent_.begin(), recent_.end());
  for (size_t i = 0; i < recent_.size();) {
    size_t end = i + 1;
    while (end < recent_.size() && recent_[end] == recent_[i]) ++end;
    float& logit = adjusted_[static_cast<size_t>(recent_[i])];
    logit = logit > 0 ? logit / options_.repeat_penalty : logit * options_.repeat_penalty;
    logit -= static_cast<float>(end - i) * options_.frequency_penalty + options_.presence_penalty;
    i = end;
  }
}

float Sampler::best_logit() const {
  return std::min_element(candidates_.begin(), candidates_.end(), better)->logit;
}

// weights_[i] = exp((logit[i] - best) / temperature); returns their sum.
double Sampler::fill_weights(double temperature) {
  const double best = sorted_ ? candidates_.front().logit : best_logit();
  weights_.reserve(candidates_.capacity());
  weights_.resize(candidates_.size());
  double sum = 0;
  for (size_t i = 0; i < candidates_.size(); ++i) {
    weights_[i] = std::exp((candidates_[i].logit - best) / temperature);
    sum += weights_[i];
  }
  return sum;
}

// Locally typical sampling (Meister et al. 2022): keeps the tokens whose surprise -log p is nearest
// to the entropy, until their probability passes typical_p.
void Sampler::keep_typical() {
  if (options_.typical_p >= 1.0F) return;
  const double sum = fill_weights(1);
  double entropy = 0;
  for (const double weight : weights_) {
    const double p = weight / sum;
    if (p > 0) entropy -= p * std::log(p);
  }
  scored_.reserve(candidates_.capacity());
  scored_.resize(candidates_.size());
  for (size_t i = 0; i < scored_.size(); ++i) {
    const double p = weights_[i] / sum;
    scored_[i] = {std::abs(-std::log(p) - entropy), p, candidates_[i]};
  }
  std::sort(scored_.begin(), scored_.end(), [](const Scored& a, const Scored& b) {
    return a.deviation < b.deviation ||
           (a.deviation == b.deviation && better(a.candidate, b.candidate));
  });
  double kept = 0;
  candidates_.clear();
  for (const Scored& s : scored_) {
    candidates_.push_back(s.candidate);
    kept += s.probability;
    if (kept > double{options_.typical_p}) break;
  }
  sorted_ = false;
}

// Keeps the best tokens until their probability reaches top_p.
void Sampler::keep_top_p() {
  if (options_.top_p >= 1.0F) return;
  const double target = double{options_.top_p} * fill_weights(1);
  const double best = sorted_ ? candidates_.front().logit : best_logit();
  // Most of the time a few hundred tokens are enough, so the whole is sorted only where not.
  constexpr size_t kFirstSort = 256;
  size_t in_order = sorted_ ? candidates_.size() : 0;
  double kept = 0;
  for (size_t i = 0; i < candidates_.size(); ++i) {
    if (i == in_order) {
      in_order = i == 0 ? std::min(kFirstSort, candidates_.size()) : candidates_.size();
      const auto begin = candidates_.begin();
      std::partial_sort(begin + static_cast<ptrdiff_t>(i), begin + static_cast<ptrdiff_t>(in_order),
                        candidates_.end(), better);
    }
    kept += std::exp(candidates_[i].logit - best);
    if (kept >= target) {
      candidates_.resize(i + 1);
      break;
    }
  }
  sorted_ = true;
}

// Keeps the tokens at least min_p times as probable as the best.
void Sampler::keep_min_p() {
  if (options_.min_p <= 0.0F) return;
  const double best = sorted_ ? candidates_.front().logit : best_logit();
  const double least = best + std::log(double{options_.min_p});
  std::erase_if(candidates_, [least](const Candidate& c) { return c.logit < least; });
}

TokenId Sampler::draw(Position position) {
  const double total = fill_weights(double{options_.temperature});
  const double target = total * uniform_at(options_.seed, static_cast<uint64_t>(position));
  double sum = 0;
  for (size_t i = 0; i < candidates_.size(); ++i) {
    sum += weights_[i];
    if (sum > target) return candidates_[i].token;
  }
  return candidates_.back().token;
}

}  // namespace ix::engine
