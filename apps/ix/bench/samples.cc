#include "bench/samples.h"

#include <cmath>

namespace ix::cli {

Mean mean_of(const std::vector<double>& values) {
  if (values.empty()) return {};
  const auto n = static_cast<double>(values.size());
  Mean mean;
  for (const double value : values) mean.average += value / n;
  if (values.size() == 1) return mean;
  double squares = 0;
  for (const double value : values) squares += (value - mean.average) * (value - mean.average);
  mean.deviation = std::sqrt(squares / (n - 1));
  return mean;
}

Mean Samples::in_ns() const { return mean_of(std::vector<double>(ns.begin(), ns.end())); }

std::vector<double> Samples::rates(double amount) const {
  std::vector<double> out;
  out.reserve(ns.size());
  for (const int64_t time : ns) out.push_back(amount * 1e9 / static_cast<double>(time));
  return out;
}

}  // namespace ix::cli
