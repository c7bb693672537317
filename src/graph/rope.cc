#include "graph/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ix::graph {
namespace {

// The pair of columns that turns `rotations` times over the original context (YaRN paper, section
// 3.2, solved for the dimension).
double correction_pair(const Rope& rope, double rotations) {
  const double wavelength_ratio =
      static_cast<double>(rope.original_context) / (rotations * 2.0 * std::numbers::pi);
  return static_cast<double>(rope.rotary_dim) * std::log(wavelength_ratio) /
         (2.0 * std::log(static_cast<double>(rope.freq_base)));
}

// How much of the unscaled frequency each pair keeps: 1 for fast pairs, 0 for slow ones, a ramp
// between the pairs that turn beta_fast and beta_slow times.
class YarnRamp {
 public:
  explicit YarnRamp(const Rope& rope)
      : low_(std::max(0.0, std::floor(correction_pair(rope, rope.beta_fast)))),
        high_(std::min(static_cast<double>(rope.rotary_dim - 1),
                       std::ceil(correction_pair(rope, rope.beta_slow)))) {}

  double operator()(size_t pair) const {
    const double along = (static_cast<double>(pair) - low_) / std::max(0.001, high_ - low_);
    return 1.0 - std::clamp(along, 0.0, 1.0);
  }

 private:
  double low_;
  double high_;
};

}  // namespace

RopeTable rope_table(const Rope& rope, std::span<const float> factors) {
  const auto pairs = static_cast<size_t>(rope.rotary_dim / 2);
  IX_CHECK(factors.empty() || factors.size() == pairs);

  RopeTable table;
  table.frequencies.resize(pairs);
  for (size_t i = 0; i < pairs; ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(rope.rotary_dim);
    double unscaled = std::pow(static_cast<double>(rope.freq_base), exponent);
    if (!factors.empty()) unscaled /= static_cast<double>(factors[i]);
    double scale = static_cast<double>(rope.freq_scale);
    if (rope.ext_factor != 0.0F) {
      const double keep = YarnRamp(rope)(i) * static_cast<double>(rope.ext_factor);
      scale = scale * (1.0 - keep) + keep;
    }
    table.frequencies[i] = static_cast<float>(unscaled * scale);
  }

  double magnitude = static_cast<double>(rope.attention_factor);
  if (rope.ext_factor != 0.0F) {
    magnitude *= 1.0 + 0.1 * std::log(1.0 / static_cast<double>(rope.freq_scale));
  }
  table.magnitude = static_cast<float>(magnitude);
  return table;
}

}  // namespace ix::graph
