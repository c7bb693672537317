#include "backend/cpu/memory_plan.h"

#include <fmt/format.h>

#include <string>

namespace ix::backend::cpu {
namespace {

std::string in_words(uint64_t bytes) {
  constexpr double kMiB = 1024.0 * 1024.0;
  const double mib = static_cast<double>(bytes) / kMiB;
  if (mib < 10240.0) return fmt::format("{:.0f} MiB", mib);
  return fmt::format("{:.1f} GiB", mib / 1024.0);
}

}  // namespace

Status check_memory(const MemoryPlan& plan, std::optional<uint64_t> available) {
  const uint64_t needed = plan.weights + plan.kv + plan.scratch;
  if (!available || needed <= *available) return ok_status();
  // The advice is the one that helps: a smaller context only where the cache is what is too much.
  const bool kv_helps = plan.weights + plan.scratch <= *available;
  return resource_exhausted(fmt::format(
      "not enough memory: weights {} + KV cache of {} tokens {} + working buffers {} = {}, but {} "
      "can be had; {}",
      in_words(plan.weights), plan.kv_tokens, in_words(plan.kv), in_words(plan.scratch),
      in_words(needed), in_words(*available),
      kv_helps ? "use a smaller context (-c)"
               : "use a smaller model, or stop what else uses memory"));
}

}  // namespace ix::backend::cpu
