#include "limits/json.h"

#include <string>
#include <utility>

namespace ix::limits {
namespace {

using Json = nlohmann::ordered_json;

Json gops(const MachineLimits& limits, Arithmetic kind) {
  const double peak = limits.peak_ops(kind);
  return peak > 0 ? Json(peak / 1e9) : Json();
}

}  // namespace

Json to_json(const MachineLimits& limits) {
  Json arithmetic = Json::array();
  for (const ArithmeticLimit& limit : limits.arithmetic) {
    arithmetic.push_back({{"name", limit.name},
                          {"instruction", limit.instruction},
                          {"arithmetic", to_string(limit.arithmetic)},
                          {"gops", limit.ops_per_second.best / 1e9},
                          {"median_gops", limit.ops_per_second.median / 1e9}});
  }
  return {{"threads", limits.threads},
          {"int8_gops", gops(limits, Arithmetic::int8)},
          {"bf16_gops", gops(limits, Arithmetic::bf16)},
          {"fp32_gops", gops(limits, Arithmetic::fp32)},
          {"read_gbs", limits.read.bytes_per_second.best / 1e9},
          {"read_median_gbs", limits.read.bytes_per_second.median / 1e9},
          {"read_buffer_bytes", limits.read.buffer_bytes},
          {"arithmetic", std::move(arithmetic)}};
}

}  // namespace ix::limits
