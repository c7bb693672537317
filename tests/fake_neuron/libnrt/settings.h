// What the environment says about the fake device.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>

namespace ix::fake_nrt {

struct LibraryVersion {
  uint64_t major = 2;
  uint64_t minor = 34;
  uint64_t patch = 10;
  uint64_t maintenance = 0;

  bool at_least(uint64_t other_minor, uint64_t other_patch) const {
    return std::tie(minor, patch) >= std::tie(other_minor, other_patch);
  }
};

struct Settings {
  LibraryVersion version;    // FAKE_NRT_VERSION
  int cores = 2;             // FAKE_NRT_CORES: of the instance
  uint64_t core_bytes;       // FAKE_NRT_CORE_BYTES: memory of one core
  bool hashes_only = false;  // FAKE_NRT_STORE=hash
  std::string plugin;        // FAKE_NRT_PLUGIN: the PJRT CPU plugin that runs programs
  std::string directory;     // FAKE_NRT_DIR: locks of cores, the store's file
  std::string script;        // FAKE_NRT_SCRIPT: file of injected failures
  std::string log;           // FAKE_NRT_LOG: file that takes calls and complaints
  std::string hashes;        // FAKE_NRT_HASHES: file that takes the tensors' hashes
};

Settings read_settings();

// NEURON_RT_VISIBLE_CORES and NEURON_RT_NUM_CORES.
struct CoreRequest {
  bool valid = true;         // what they say can be understood
  std::optional<int> first;  // the first core, where it is given
  std::optional<int> count;  // how many; nothing = all
};
CoreRequest requested_cores();

// NEURON_RT_EXEC_TIMEOUT in seconds; 600, inf2's default, where it is not set.
int64_t execution_timeout_seconds();

// Whether NEURON_RT_ROOT_COMM_ID is an address and a port.
bool has_root_address();

}  // namespace ix::fake_nrt
