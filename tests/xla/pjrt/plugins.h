// The CPU plugins that scripts/setup.sh installs for tests, oldest first.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "support/paths.h"

namespace ix::testing {

struct CpuPlugin {
  std::string name;  // for names of tests
  std::string path;
  int minor;  // of its PJRT version, 0.minor
};

inline void PrintTo(const CpuPlugin& plugin, std::ostream* out) { *out << plugin.name; }

inline std::vector<CpuPlugin> cpu_plugins() {
  const std::string packages = paths::python_packages();
  return {{"Pjrt81", packages + "/xla_plugins/xla_cpu_pjrt/xla_cpu_pjrt.so", 81},
          {"Pjrt106", packages + "/fastatomstruct_xla_cpu/libpjrt_cpu.so", 106},
          {"Pjrt115", packages + "/lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so", 115}};
}

inline std::string cpu_plugin_name(const ::testing::TestParamInfo<CpuPlugin>& info) {
  return info.param.name;
}

}  // namespace ix::testing
