// The limits of this machine with a number of threads, for shares of them.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "limits/arithmetic_peak.h"
#include "limits/rate.h"
#include "limits/read_bandwidth.h"

namespace ix::limits {

struct ArithmeticLimit {
  std::string_view name;         // "int8_vnni512"
  std::string_view instruction;  // "vpdpbusd zmm"
  Arithmetic arithmetic;
  Rate ops_per_second;
};

struct MachineLimits {
  int threads;
  std::vector<ArithmeticLimit> arithmetic;
  ReadBandwidth read;

  // The best of all instructions for it; 0 where none runs here.
  double peak_ops(Arithmetic kind) const;
  double peak_read() const { return read.bytes_per_second.best; }
};

struct ProbeOptions {
  int threads = 2;
  bool quick = false;  // about a second instead of about three
};

// invalid_argument for fewer than one thread; resource_exhausted without memory for the
// buffer or where the system refuses a thread.
Result<MachineLimits> probe_limits(const ProbeOptions& options);

}  // namespace ix::limits
