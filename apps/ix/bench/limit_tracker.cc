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
  Limits out;
  if (now && last_) {
    const double int8[] = {last_->peak_ops(limits::Arithmetic::int8),
                           now->peak_ops(limits::Arithmetic::int8)};
    const double read[] = {last_->peak_read(), now->peak_read()};
    out = {.int8_ops = std::max(int8[0], int8[1]),
           .read_bytes = std::max(read[0], read[1]),
           .drift = std::max(change(int8[0], int8[1]), change(read[0], read[1]))};
  }
  last_ = std::move(now);
  return out;
}

}  // namespace ix::cli
