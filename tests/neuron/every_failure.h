// Every status of libnrt that is a failure, for tests that inject them.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "backend/neuron/nrt/nrt_status.h"

namespace ix::backend::neuron {
namespace nrt {

// For GoogleTest's messages.
inline void PrintTo(const StatusInfo& info, std::ostream* out) { *out << info.name; }

}  // namespace nrt

// Those that are documented, and one that is not.
inline std::vector<nrt::StatusInfo> every_failure() {
  std::vector<nrt::StatusInfo> found;
  for (const nrt::StatusInfo& info : nrt::known_statuses()) {
    if (info.value != nrt::kSuccess) found.push_back(info);
  }
  found.push_back({4711, "status 4711", StatusCode::unavailable, "", "", nrt::Retry::no, false});
  return found;
}

// For names of tests.
inline std::string failure_name(const ::testing::TestParamInfo<nrt::StatusInfo>& row) {
  return row.param.value == 4711 ? "Unknown" : row.param.name;
}

}  // namespace ix::backend::neuron
