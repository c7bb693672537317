// The machine's limits around a measurement.
#pragma once

#include <optional>

#include "limits/machine_limits.h"

namespace ix::cli {

// In operations and bytes a second; 0 where it was not or could not be probed.
struct Limits {
  limits::Arithmetic arithmetic = limits::Arithmetic::int8;  // of ops
  double ops = 0;
  double read_bytes = 0;
  // The largest change between the probe before and the one after, as a part of the larger.
  double drift = 0;
};

// Probes before and after; what was probed after one measurement serves as before of the next.
class LimitTracker {
 public:
  LimitTracker(bool enabled, limits::Arithmetic arithmetic)
      : enabled_(enabled), arithmetic_(arithmetic) {}

  void before(int threads);
  // The larger of both probes: a share is never flattered by a moment when the machine was slow.
  Limits after(int threads);

 private:
  std::optional<limits::MachineLimits> probe(int threads) const;

  bool enabled_;
  limits::Arithmetic arithmetic_;
  std::optional<limits::MachineLimits> last_;
};

}  // namespace ix::cli
