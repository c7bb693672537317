// Repeated measurements of one thing.
#pragma once

#include <cstdint>
#include <vector>

namespace ix::cli {

struct Mean {
  double average = 0;
  double deviation = 0;  // of a sample: divided by n - 1; 0 for one value
};

Mean mean_of(const std::vector<double>& values);

// How long each repetition took.
struct Samples {
  std::vector<int64_t> ns;

  Mean in_ns() const;
  // `amount` done in a repetition, as a speed each second.
  std::vector<double> rates(double amount) const;
};

}  // namespace ix::cli
