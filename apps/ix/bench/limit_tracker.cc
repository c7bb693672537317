#include "bench/limit_tracker.h"

#include <algorithm>
#include <utility>

namespace ix::cli {
namespace {

double change(double a, double b) {
  const double larger = std::max(a, b);
  return larger > 0 ? (larger - std::min(a, b)) / larger : 0;
}

}  // namespace

std::optional<limits::MachineLimits> LimitTracker::probe(int threads) const {
  if (!enabled_) return std::nullopt;
  auto probed = limits::probe_limits({.threads = threads, .quick = true});
  // Without memory for the probe there are no shares; the measurement itself goes on.
  return probed.ok() ? std::optional(std::move(probed).value()) : std::nullopt;
}

void LimitTracker::before(int threads) {
  if (!last_ || last_->threads != threads) last_ = probe(threads);
}

Limits LimitTracker::after(int threads) {
  auto now = probe(threads);
  Limits out{.arithmetic = arithmetic_};
  if (now && last_) {
    const double ops[] = {last_->peak_ops(arithmetic_), now->peak_ops(arithmetic_)};
    const double read[] = {last_->peak_read(), now->peak_read()};
    out.ops = std::max(ops[0], ops[1]);
    out.read_bytes = std::max(read[0], read[1]);
    out.drift = std::max(change(ops[0], ops[1]), change(read[0], read[1]));
  }
  last_ = std::move(now);
  return out;
}

}  // namespace ix::cli
