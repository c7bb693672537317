// A speed measured several times.
#pragma once

#include <vector>

namespace ix::limits {

// Both in units a second.
struct Rate {
  double best = 0;
  double median = 0;
};

// samples is not empty; of an even number of them the median is the mean of the middle two.
Rate rate_of(std::vector<double> samples);

}  // namespace ix::limits
