#include "limits/machine_limits.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

namespace ix::limits {

double MachineLimits::peak_ops(Arithmetic kind) const {
  double best = 0;
  for (const ArithmeticLimit& limit : arithmetic) {
    if (limit.arithmetic == kind) best = std::max(best, limit.ops_per_second.best);
  }
  return best;
}

Result<MachineLimits> probe_limits(const ProbeOptions& options) {
  if (options.threads < 1) {
    return invalid_argument("threads is " + std::to_string(options.threads) + ": at least 1");
  }
  const int passes = options.quick ? 5 : 9;
  const double window = options.quick ? 0.02 : 0.04;  // seconds
  IX_ASSIGN_OR_RETURN(const std::unique_ptr<ThreadPool> pool, ThreadPool::start(options.threads));
  MachineLimits limits{options.threads, {}, {}};
  for (const PeakLoop& loop : runnable_loops()) {
    limits.arithmetic.push_back(
        {loop.name, loop.instruction, loop.arithmetic, measure_peak(loop, *pool, passes, window)});
  }
  IX_ASSIGN_OR_RETURN(limits.read,
                      measure_read(*pool, default_read_buffer_bytes(), options.quick ? 15 : 40));
  return limits;
}

}  // namespace ix::limits
