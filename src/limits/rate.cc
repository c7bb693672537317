#include "limits/rate.h"

#include <algorithm>

namespace ix::limits {

Rate rate_of(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  const size_t half = samples.size() / 2;
  const double median =
      samples.size() % 2 == 1 ? samples[half] : (samples[half - 1] + samples[half]) / 2;
  return {samples.back(), median};
}

}  // namespace ix::limits
