// A small program with what a decode step has: a cache that is updated in place, and a sum over all
// cores. Its results can be worked out by hand.
#pragma once

#include <memory>
#include <vector>

#include "backend/xla/hlo/module.h"
#include "backend/xla/runtime.h"

namespace ix::backend {

inline constexpr int64_t kStepWidth = 4;
inline constexpr int64_t kStepRows = 8;

// cache[position] = x; y = sum over rows of the caches of all cores.
//   inputs: x f32[4], position s32[], cache f32[8, 4]; outputs: cache (in place), y f32[4].
xla::hlo::Module cache_step(int ranks);

// The program's tensors on every core.
class CacheStep {
 public:
  CacheStep(xla::Runtime& runtime, xla::Program& program);

  // Queues a step in which every core puts value(rank) into all of row `position`.
  Result<Ticket> submit(int32_t position, float value);
  Status set_cache(float value);
  // y on a core.
  Result<std::vector<float>> result(int rank) const;
  Result<std::vector<float>> cache(int rank) const;

  // Submits and waits five seconds at most; y on core 0.
  Result<std::vector<float>> step(int32_t position, float value);

  std::vector<xla::RankBinding>& bindings() { return bindings_; }

 private:
  xla::Runtime& runtime_;
  xla::Program& program_;
  std::vector<std::unique_ptr<xla::DeviceTensor>> tensors_;
  std::vector<xla::RankBinding> bindings_;
};

// Submits and waits five seconds at most.
Status run_within_limit(xla::Runtime& runtime, const Result<Ticket>& ticket);

}  // namespace ix::backend
