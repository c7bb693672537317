#include "backend/row_results.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace ix::backend {
namespace {

constexpr float kLowest = -std::numeric_limits<float>::infinity();

bool better(const TokenLogit& a, const TokenLogit& b) {
  return a.logit > b.logit || (a.logit == b.logit && a.token < b.token);
}

}  // namespace

// The first of the largest: of the blocks the first whose largest is the largest, and then in that
// one. Blocks are compared lane by lane, which compilers turn into vectors. NaN is never larger.
TokenId argmax(std::span<const float> logits) {
  IX_CHECK(!logits.empty());
  constexpr size_t kLanes = 16;
  constexpr size_t kBlock = 16 * kLanes;
  size_t best_block = 0;
  float best = kLowest;
  for (size_t block = 0; block < logits.size(); block += kBlock) {
    float largest = kLowest;
    if (block + kBlock <= logits.size()) {
      std::array<float, kLanes> lanes;
      lanes.fill(kLowest);
      for (size_t i = block; i < block + kBlock; i += kLanes) {
        for (size_t l = 0; l < kLanes; ++l) {
          lanes[l] = logits[i + l] > lanes[l] ? logits[i + l] : lanes[l];
        }
      }
      largest = *std::max_element(lanes.begin(), lanes.end());
    } else {
      for (const float logit : logits.subspan(block)) largest = logit > largest ? logit : largest;
    }
    if (largest > best) {
      best = largest;
      best_block = block;
    }
  }
  size_t first = best_block;  // 0 where nothing is above minus infinity
  while (best > kLowest && logits[first] != best) ++first;
  return static_cast<TokenId>(first);
}

float logsumexp(std::span<const float> logits) {
  const float highest = logits[static_cast<size_t>(argmax(logits))];
  if (!(std::abs(highest) <= std::numeric_limits<float>::max())) {
    return std::isnan(highest) ? kLowest : highest;
  }
  double sum = 0;
  for (const float logit : logits) {
    const float below = logit - highest;
    // 2^20 terms of e^-40 add less than 5e-12 to a sum of at least 1. False for NaN.
    if (below > -40.0F) sum += static_cast<double>(std::exp(below));
  }
  return static_cast<float>(static_cast<double>(highest) + std::log(sum));
}

void select_top(std::span<const float> logits, std::span<TokenLogit> top) {
  const size_t k = top.size();
  IX_CHECK(k >= 1 && k <= logits.size());
  const auto entry = [&](size_t i) {
    return TokenLogit{static_cast<TokenId>(i), std::isnan(logits[i]) ? kLowest : logits[i]};
  };
  for (size_t i = 0; i < k; ++i) top[i] = entry(i);
  // A heap with the worst of the best in front. A later id displaces it only with a larger logit.
  std::make_heap(top.begin(), top.end(), better);
  for (size_t i = k; i < logits.size(); ++i) {
    if (!(logits[i] > top.front().logit)) continue;
    std::pop_heap(top.begin(), top.end(), better);
    top.back() = entry(i);
    std::push_heap(top.begin(), top.end(), better);
  }
  std::sort_heap(top.begin(), top.end(), better);
}

void RowResults::begin(std::span<const RowWant> wants, int64_t vocab_size) {
  results_.clear();
  rows_.clear();
  wants_.clear();
  const auto top_of = [&](const RowWant& want) {
    return want.kind == Want::top_k ? static_cast<size_t>(std::min<int64_t>(want.k, vocab_size))
                                    : size_t{0};
  };
  size_t top_total = 0;
  for (const RowWant& want : wants) top_total += top_of(want);
  if (top_.size() < top_total) top_.resize(top_total);
  size_t top_used = 0;
  for (size_t row = 0; row < wants.size(); ++row) {
    if (wants[row].kind == Want::nothing) continue;
    const size_t k = top_of(wants[row]);
    results_.push_back({.row = static_cast<int32_t>(row),
                        .argmax = kNoToken,
                        .logsumexp = 0,
                        .top = std::span(top_).subspan(top_used, k),
                        .logits = {}});
    rows_.push_back(static_cast<int32_t>(row));
    wants_.push_back(wants[row]);
    top_used += k;
  }
}

void RowResults::set(int32_t i, std::span<const float> logits) {
  RowResult& result = results_[static_cast<size_t>(i)];
  const RowWant& want = wants_[static_cast<size_t>(i)];
  if (want.kind == Want::top_k) {
    select_top(logits, top_of(result));
    result.argmax = result.top.front().token;
  } else {
    result.argmax = argmax(logits);
  }
  if (want.kind == Want::top_k || (want.kind == Want::logits && want.logsumexp)) {
    result.logsumexp = logsumexp(logits);
  }
  if (want.kind == Want::logits) result.logits = logits;
}

void RowResults::set_argmax(int32_t i, TokenId token) {
  results_[static_cast<size_t>(i)].argmax = token;
}

void RowResults::set_top(int32_t i, std::span<const TokenLogit> top, float logsumexp) {
  RowResult& result = results_[static_cast<size_t>(i)];
  IX_CHECK(!result.top.empty() && top.size() >= result.top.size());
  std::copy_n(top.begin(), result.top.size(), top_of(result).begin());
  result.argmax = top.front().token;
  result.logsumexp = logsumexp;
}

std::span<TokenLogit> RowResults::top_of(const RowResult& result) {
  const auto offset = static_cast<size_t>(result.top.data() - top_.data());
  return std::span(top_).subspan(offset, result.top.size());
}

}  // namespace ix::backend
